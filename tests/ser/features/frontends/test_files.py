"""Frames that another program made, read from a folder of `ID.npy`."""

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ser.corpora.audio import read_audio
from ser.corpora.corpus import Corpus, Utterance
from ser.errors import ConfigurationError, FeatureStoreError, SerError
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing, build_stores
from ser.features.frontends.choices import format_choice, parse_front_ends
from ser.features.frontends.files import FilesFrontEnd, frames_path
from ser.features.store import FeatureStore
from ser.folds.leave_one_speaker_out import speaker_folds
from ser.training.trainer import train_fold
from tests.support.toy_corpus import CPU, same_weights, small


@pytest.fixture
def log_mels(corpus: Corpus, tmp_path: Path) -> FeatureStore:
    return FeatureStore.open(build_store_if_missing(corpus, LogMelSettings(), tmp_path / "stores"))


def export(store: FeatureStore, corpus: Corpus, folder: Path, number_type: str = "float32") -> Path:
    folder.mkdir()
    for index, utterance in enumerate(corpus.utterances):
        np.save(folder / f"{utterance.id}.npy", store.frames(index).astype(number_type))
    return folder


@pytest.mark.parametrize("number_type", ["float16", "float32", "float64"])
def test_files_become_a_store_of_their_numbers(
    corpus: Corpus, log_mels: FeatureStore, tmp_path: Path, number_type: str
) -> None:
    folder = export(log_mels, corpus, tmp_path / "lab", number_type)
    choices = parse_front_ends([f"files:{folder}@0.01"])
    assert [choice.settings.label for choice in choices] == ["lab"]
    assert format_choice(choices[0]) == f"files:{folder}@0.01"
    store = FeatureStore.open(build_stores(corpus, choices, tmp_path / "stores")[0])
    assert store.settings.frame_shift_s == 0.01
    assert store.frames(0).dtype == ("float16" if number_type == "float16" else "float32")
    for index in range(len(corpus.utterances)):
        np.testing.assert_array_equal(store.frames(index), log_mels.frames(index).astype(store.frames(0).dtype))


@pytest.mark.parametrize("shift_s", ["0.02", "0.00001", "0.011609977324263039"])
def test_a_distance_between_frames_keeps_its_digits(tmp_path: Path, shift_s: str) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 2), np.float32))
    (choice,) = parse_front_ends([f"files:{tmp_path}@{shift_s}"])
    assert format_choice(choice) == f"files:{tmp_path}@{shift_s}"
    assert parse_front_ends([format_choice(choice)]) == (choice,)


def test_exported_frames_train_the_same_fold(corpus: Corpus, log_mels: FeatureStore, tmp_path: Path) -> None:
    choices = parse_front_ends([f"files:{export(log_mels, corpus, tmp_path / 'lab')}@0.01"])
    files = FeatureStore.open(build_stores(corpus, choices, tmp_path / "stores")[0])
    settings = {"attention": "none", "criterion": "cross_entropy", "normalisation": "zscore_speaker"}
    fold = speaker_folds(corpus, "partner")[0]
    exported, imported = (
        train_fold(corpus, store, small(**settings, features=store.settings), fold, CPU) for store in (log_mels, files)
    )
    assert exported.result.test == imported.result.test
    assert exported.result.validation == imported.result.validation
    assert exported.result.identity != imported.result.identity
    assert same_weights(exported, imported)


def test_equal_files_in_two_folders_are_one_front_end(corpus: Corpus, log_mels: FeatureStore, tmp_path: Path) -> None:
    folders = [export(log_mels, corpus, tmp_path / name) for name in ("here", "there")]
    here, there = (parse_front_ends([f"files:{folder}@0.01"])[0].settings for folder in folders)
    assert here == there
    np.save(folders[1] / f"{corpus.utterances[0].id}.npy", log_mels.frames(0) + 1)
    assert parse_front_ends([f"files:{folders[1]}@0.01"])[0].settings != here


def with_nan(frames: Any) -> Any:
    frames[1, 2] = np.nan
    return frames


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda frames: frames[:, :39], "expected 40 numbers a frame as in most files, found 39"),
        (with_nan, "expected finite numbers, found NaN or infinity"),
        (lambda frames: frames[0], "expected floating-point numbers of shape"),
        (lambda frames: frames.astype(int), "found int64 of shape"),
        (lambda frames: frames.astype(object), "it holds a pickle, which can run any code"),
        (lambda frames: np.concatenate([frames] * 20), "check the frame shift"),
        (lambda frames: frames[:0], "expected floating-point numbers of shape"),
    ],
)
def test_a_file_that_is_wrong_is_named(
    corpus: Corpus, log_mels: FeatureStore, tmp_path: Path, damage: Any, message: str, position: int
) -> None:
    folder = export(log_mels, corpus, tmp_path / "lab")
    path = folder / f"{corpus.utterances[position].id}.npy"
    np.save(path, damage(np.load(path)), allow_pickle=True)
    with pytest.raises(SerError, match=message) as caught:
        build_stores(corpus, parse_front_ends([f"files:{folder}@0.01"]), tmp_path / "stores")
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(corpus: Corpus, log_mels: FeatureStore, tmp_path: Path) -> None:
    folder = export(log_mels, corpus, tmp_path / "lab")
    path = folder / f"{corpus.utterances[-1].id}.npy"
    path.unlink()
    with pytest.raises(FeatureStoreError, match=f"{path}: no such file; expected the frames of utterance"):
        build_stores(corpus, parse_front_ends([f"files:{folder}@0.01"]), tmp_path / "stores")


def test_a_file_that_changes_during_the_build_is_named(corpus: Corpus, log_mels: FeatureStore, tmp_path: Path) -> None:
    folder = export(log_mels, corpus, tmp_path / "lab")
    (choice,) = parse_front_ends([f"files:{folder}@0.01"])
    front_end = FilesFrontEnd([choice.settings], folder)  # type: ignore[list-item]
    utterance = corpus.utterances[0]
    path, samples = folder / f"{utterance.id}.npy", read_audio(utterance.path)
    np.testing.assert_array_equal(front_end.compute(utterance, samples)[0], log_mels.frames(0))
    np.save(path, log_mels.frames(0) + 1)
    with pytest.raises(FeatureStoreError, match=f"{path}: changed since its folder was read; run the command again"):
        front_end.compute(utterance, samples)


def test_a_folder_may_hold_more_files_than_may_be_open(tmp_path: Path) -> None:
    for number in range(80):
        np.save(tmp_path / f"{number}.npy", np.ones((2, 3), dtype=np.float32))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_files = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files + 40, hard))
    try:
        (choice,) = parse_front_ends([f"files:{tmp_path}@0.01"])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert choice.settings.width == 3


def test_an_id_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    utterance = Utterance("../away", tmp_path / "a.wav", "s", "joy")
    with pytest.raises(FeatureStoreError, match=r"utterance \.\./away names a file outside of"):
        frames_path(tmp_path / "lab", utterance)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04"])
def test_a_damaged_file_is_named(corpus: Corpus, log_mels: FeatureStore, tmp_path: Path, content: bytes) -> None:
    folder = export(log_mels, corpus, tmp_path / "lab")
    path = folder / f"{corpus.utterances[0].id}.npy"
    path.write_bytes(content)
    with pytest.raises(FeatureStoreError, match=f"{path}: expected "):
        parse_front_ends([f"files:{folder}@0.01"])


def test_a_folder_without_files_or_shift_is_refused(tmp_path: Path) -> None:
    for text, message in [
        (f"files:{tmp_path / 'none'}@0.01", "no such folder"),
        (f"files:{tmp_path}@0.01", "found no .npy file"),
        (f"files:{tmp_path}", "expected files:FOLDER@SECONDS"),
        (f"files:{tmp_path}@0", "expected files:FOLDER@SECONDS"),
    ]:
        with pytest.raises(ConfigurationError, match=message):
            parse_front_ends([text])


def test_an_unknown_front_end_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown features 'log_mels' \(did you mean 'log_mel'\?\)"):
        parse_front_ends(["log_mels"])
    with pytest.raises(ConfigurationError, match=r"expected log_mel$"):
        parse_front_ends(["log_mel:3"])
