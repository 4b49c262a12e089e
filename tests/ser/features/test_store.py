"""The feature store: what is in it, and how a damaged one is refused."""

import json
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch

from ser.corpora.audio import read_audio
from ser.corpora.corpus import Corpus
from ser.errors import FeatureStoreError
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing
from ser.features.logmel import log_mel
from ser.features.store import FeatureStore, check_store
from tests.support.damaged_json import DAMAGED_JSON
from tests.support.toy_corpus import write_corpus

SETTINGS = LogMelSettings()
FILES = ("metadata.json", "lengths.npy", "frames.f32")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that tests only read."""
    folder = tmp_path_factory.mktemp("whole")
    return build_store_if_missing(write_corpus(folder), SETTINGS, folder / "stores")


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    """A store to be damaged."""
    return copytree(whole, tmp_path / whole.name)


def test_store_holds_the_log_mels_of_every_utterance_in_order(corpus: Corpus, tmp_path: Path) -> None:
    store = FeatureStore.open(build_store_if_missing(corpus, SETTINGS, tmp_path / "stores"))
    assert store.corpus_digest == corpus.digest
    assert store.settings == SETTINGS
    assert len(store.lengths) == len(corpus.utterances)
    for index, utterance in enumerate(corpus.utterances):
        expected = log_mel(torch.from_numpy(read_audio(utterance.path)), SETTINGS).numpy()
        assert store.lengths[index] == len(expected)
        np.testing.assert_array_equal(store.frames(index), expected)


def test_frames_are_a_read_only_view_on_the_map(whole: Path) -> None:
    store = FeatureStore.open(whole)
    first, again = store.frames(0), store.frames(0)
    assert np.shares_memory(first, again)
    assert first.dtype == np.float32
    assert first.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 1.0


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def scribble(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 not what you think")


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [cut, scribble, empty, Path.unlink])
def test_a_damaged_file_is_named_with_what_was_expected(path: Path, name: str, damage) -> None:  # type: ignore[no-untyped-def]
    damage(path / name)
    with pytest.raises(FeatureStoreError) as caught:
        FeatureStore.open(path)
    message = str(caught.value)
    assert message.startswith(f"{path / name}: expected ")
    assert "\n" not in message
    assert f"remove the folder {path} and it is built anew" in message


@pytest.mark.parametrize("content", DAMAGED_JSON.values(), ids=DAMAGED_JSON)
def test_damaged_metadata_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metadata.json").write_bytes(content)
    with pytest.raises(FeatureStoreError, match=r"metadata\.json: expected .*, found something else \(it"):
        FeatureStore.open(tmp_path)


def test_frames_that_are_too_long_are_refused(path: Path) -> None:
    lengthen(path / "frames.f32")
    size = (path / "frames.f32").stat().st_size
    with pytest.raises(FeatureStoreError, match=f"expected {size - 4} bytes, found {size} bytes"):
        FeatureStore.open(path)


def test_a_damaged_store_is_refused_not_used(corpus: Corpus, tmp_path: Path) -> None:
    path = build_store_if_missing(corpus, SETTINGS, tmp_path)
    cut(path / "frames.f32")
    with pytest.raises(FeatureStoreError, match=r"frames\.f32: expected"):
        build_store_if_missing(corpus, SETTINGS, tmp_path)


def test_another_format_version_is_refused(path: Path) -> None:
    metadata = json.loads((path / "metadata.json").read_text())
    (path / "metadata.json").write_text(json.dumps(metadata | {"version": 99}))
    with pytest.raises(FeatureStoreError, match="expected format version 2, found 99"):
        FeatureStore.open(path)


@pytest.mark.parametrize("block_bytes", [1000, 2**24])
def test_a_flipped_bit_is_found_when_a_study_starts(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr("ser.files.DIGEST_BLOCK_BYTES", block_bytes)
    path = build_store_if_missing(corpus, SETTINGS, tmp_path)
    assert build_store_if_missing(corpus, SETTINGS, tmp_path) == path
    content = bytearray((path / "frames.f32").read_bytes())
    content[-2] ^= 1
    (path / "frames.f32").write_bytes(content)
    with pytest.raises(FeatureStoreError, match=r"frames\.f32: expected frames with digest .* is built anew"):
        build_store_if_missing(corpus, SETTINGS, tmp_path)


def test_lengths_that_were_exchanged_are_found(path: Path) -> None:
    lengths = np.load(path / "lengths.npy")
    assert lengths[0] != lengths[1]
    lengths[[0, 1]] = lengths[[1, 0]]
    np.save(path / "lengths.npy", lengths)
    with pytest.raises(FeatureStoreError, match="expected frames with digest"):
        check_store(path)


def test_a_store_of_earlier_metadata_opens(path: Path) -> None:
    metadata = json.loads((path / "metadata.json").read_text())
    for name in ("width", "frame_shift_s", "number_type", "build_s"):
        del metadata[name]
    del metadata["settings"]["kind"]
    (path / "metadata.json").write_text(json.dumps(metadata))
    assert check_store(path).settings == SETTINGS
