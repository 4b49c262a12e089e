"""Writing a feature store block by block."""

from pathlib import Path

import numpy as np
import pytest

from ser.corpora.corpus import Corpus
from ser.errors import FeatureStoreError
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing
from ser.features.store_writer import StoreWriter

SETTINGS = LogMelSettings()


def test_a_store_of_a_journal_without_its_frames_is_rebuilt(corpus: Corpus, tmp_path: Path) -> None:
    whole = build_store_if_missing(corpus, SETTINGS, tmp_path / "whole")
    writer = StoreWriter(tmp_path / whole.name, corpus, SETTINGS)
    writer.begin(0)
    writer.write(0, [np.zeros((3, 40)), np.zeros((4, 40))], seconds=1)
    (partial,) = tmp_path.glob("*.partial")
    assert writer.resume() == 2
    with (partial / "frames.f32").open("ab") as file:
        file.truncate(6 * 40 * 4)
    assert writer.resume() == 1


def test_the_time_of_a_build_is_replaced_whole(corpus: Corpus, tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store", corpus, SETTINGS)
    writer.begin(0)
    writer.write(0, [np.zeros((3, 40))], seconds=1)
    path = tmp_path / ".store.partial" / "seconds"
    with path.open(encoding="utf-8") as reader:
        writer.write(1, [np.zeros((3, 40))], seconds=2)
        assert float(reader.read()) == 1
    assert float(path.read_text(encoding="utf-8")) == 3


def test_a_finished_store_has_all_of_its_frames(corpus: Corpus, tmp_path: Path) -> None:
    path = build_store_if_missing(corpus, SETTINGS, tmp_path)
    size = (path / "frames.f32").stat().st_size
    assert StoreWriter(path, corpus, SETTINGS).whole_bytes() == size > 0


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (1e39, r"expected numbers of at most 3\.4028e\+38 in size, the range of float32, found 1e\+39; choose another"),
        (np.nan, "expected finite numbers, found NaN or infinity"),
    ],
)
def test_frames_beyond_their_stored_type_are_refused(
    corpus: Corpus, tmp_path: Path, number: float, message: str
) -> None:
    writer = StoreWriter(tmp_path / "store", corpus, SETTINGS)
    writer.begin(0)
    writer.write(0, [np.zeros((3, 40))], seconds=1)
    with pytest.raises(FeatureStoreError, match=f"log_mel, utterance {corpus.utterances[2].id}: {message}"):
        writer.write(0, [np.zeros((3, 40)), np.zeros((3, 40)), np.full((3, 40), number)], seconds=1)


def test_utterances_that_are_written_stay(corpus: Corpus, tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store", corpus, SETTINGS)
    writer.begin(0)
    writer.write(0, [np.full((2, 40), 1.0), np.full((3, 40), 2.0)], seconds=1)
    writer.write(0, [np.full((2, 40), 5.0)], seconds=1)
    writer.write(1, [np.full((3, 40), 6.0), np.full((1, 40), 7.0)], seconds=1)
    assert writer.resume() == 3
    frames = np.fromfile(tmp_path / ".store.partial" / "frames.f32", dtype=np.float32).reshape(-1, 40)
    assert frames[:, 0].tolist() == [1, 1, 2, 2, 2, 7]
