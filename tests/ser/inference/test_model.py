"""A model decides as its networks did in training, alone and among others, and a damaged folder is named."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ser.corpora.audio import read_audio
from ser.corpora.corpus import Corpus
from ser.errors import ModelError, UtteranceError
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing
from ser.features.frontends.base import FrontEndChoice
from ser.features.store import FeatureStore
from ser.folds import speaker_folds
from ser.inference import EmotionModel, load_model
from ser.inference.description import FORMAT, Member, ModelDescription
from ser.inference.frames import Recording
from ser.inference.model_folder import pack_weights, read_folder, write_folder
from ser.inference.scoring import training_normalisation
from ser.results import Fold
from ser.training.trainer import TrainedFold, train_fold
from tests.support.toy_corpus import CPU, small, write_corpus
from tests.support.toy_models import write_model

SETTINGS = LogMelSettings(mel_bands=5)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def store(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    return FeatureStore.open(build_store_if_missing(corpus, SETTINGS, tmp_path_factory.mktemp("features")))


Make = Callable[..., tuple[Path, list[TrainedFold]]]


@pytest.fixture
def make(corpus: Corpus, store: FeatureStore, tmp_path: Path) -> Make:
    """Trains folds, and makes the folder of a model of them."""

    def made(folds: int = 1, **changes: Any) -> tuple[Path, list[TrainedFold]]:
        configuration = small(features=SETTINGS, labels="utterance", **changes)
        schemes: tuple[Fold, ...] = speaker_folds(corpus, "partner")[:folds]
        trained = [train_fold(corpus, store, configuration, fold, CPU) for fold in schemes]
        speakers = [utterance.speaker for utterance in corpus.utterances]
        weights = pack_weights(
            [
                (
                    fold.weights,
                    training_normalisation(store, speakers, configuration, fold.result.fold.training_speakers),
                )
                for fold in trained
            ]
        )
        members = [
            Member(identity=fold.result.identity, fold=fold.result.fold.name, seed=1, test_speakers=("f1",))
            for fold in trained
        ]
        description = ModelDescription(
            format=FORMAT,
            name="toy",
            study="first",
            variant="none · words",
            corpus=corpus.identity,
            configuration=configuration,
            front_end=FrontEndChoice(settings=SETTINGS),
            members=tuple(members),
            expected_ua={"speaker": 0.5},
            expected_wa={"speaker": 0.5},
            utterances=4,
            weights_sha256=hashlib.sha256(weights).hexdigest(),
            versions={},
        )
        write_folder(tmp_path / "model", description, weights, "# toy\n")
        return tmp_path / "model", trained

    return made


def heard(model: EmotionModel, recordings: list[Recording]) -> list[dict[str, float]]:
    return [prediction.probabilities for prediction in model.predict(recordings)]


@pytest.mark.parametrize(
    "changes",
    [
        {"normalisation": "zscore_speaker"},
        {"normalisation": "zscore_training", "attention": "quantum", "quantum_states": "unit"},
        {"normalisation": "minmax_training", "criterion": "cross_entropy"},
        {"normalisation": "minmax_utterance", "stack": 2},
    ],
    ids=lambda changes: changes["normalisation"],
)
def test_decisions_on_test_speakers_are_those_of_the_training(
    corpus: Corpus, make: Make, changes: dict[str, Any]
) -> None:
    folder, (fold,) = make(**changes)
    test = fold.result.test
    by_id = {utterance.id: utterance for utterance in corpus.utterances}
    recordings = [Recording(id_, by_id[id_].path, by_id[id_].speaker) for id_ in test.utterances]
    predictions = list(load_model(folder).predict(recordings))
    assert [prediction.emotion for prediction in predictions] == [corpus.emotions[k] for k in test.predicted]
    scores = [list(prediction.probabilities.values()) for prediction in predictions]
    np.testing.assert_allclose(scores, test.scores, atol=1e-6)


def test_a_speakers_only_recording_is_that_of_a_stranger(corpus: Corpus, make: Make) -> None:
    folder, _ = make(normalisation="zscore_speaker")
    path = corpus.utterances[0].path
    (named,), (unknown,) = (heard(load_model(folder), [Recording("a", path, who)]) for who in ("anna", None))
    assert named == unknown


def test_several_recordings_are_heard_as_each_alone(corpus: Corpus, make: Make) -> None:
    folder, _ = make(folds=2)
    model = load_model(folder)
    recordings = [Recording(utterance.id, utterance.path) for utterance in corpus.utterances]
    together = heard(model, recordings)
    alone = [heard(model, [recording])[0] for recording in recordings]
    for shares, shares_alone in zip(together, alone, strict=True):
        assert shares == pytest.approx(shares_alone, abs=1e-6)
    samples = [Recording(entry.name, read_audio(Path(str(entry.audio)))) for entry in recordings]
    assert heard(model, samples) == together
    assert all(sum(shares.values()) == pytest.approx(1) for shares in together)


def test_unreadable_recording_is_named_and_ends_nothing(corpus: Corpus, make: Make, tmp_path: Path) -> None:
    folder, _ = make()
    (tmp_path / "text.wav").write_text("no sound")
    good = corpus.utterances[0].path
    first, second, third = load_model(folder).predict([good, tmp_path / "text.wav", str(good)])
    assert second.emotion is None
    assert second.error is not None
    assert "text.wav" in second.error
    assert first.probabilities == third.probabilities
    assert first.entropy is not None
    assert 0 <= first.entropy <= 1
    assert second.entropy is None


def test_recordings_at_once_are_bounded_in_number_and_duration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "model")
    model = load_model(tmp_path / "model")
    together: list[list[str]] = []

    def compute(_: object, recordings: Sequence[Recording]) -> list[UtteranceError]:
        together.append([recording.name for recording in recordings])
        return [UtteranceError(Path(recording.name), recording.name, "is skipped") for recording in recordings]

    monkeypatch.setattr("ser.inference.model.compute_recordings", compute)
    seconds = {"a": 300, "b": 300, "c": 1, "long": 700, "d": 1} | {str(number): 0.1 for number in range(70)}
    silence = np.zeros(700 * 16_000, np.float32)
    recordings = [Recording(name, silence[: round(16_000 * length)]) for name, length in seconds.items()]
    predictions = list(model.predict([*recordings[:3], tmp_path / "none.wav", *recordings[3:]]))
    assert len(predictions) == 76
    assert [len(names) for names in together] == [2, 2, 1, 64, 7]
    assert together[2] == ["long"]


def test_networks_without_memory_name_their_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "model")

    def score(*arguments: object) -> None:
        torch.empty(2**60)

    monkeypatch.setattr("ser.inference.model.score_utterances", score)
    (prediction,) = load_model(tmp_path / "model").predict([Recording("long", np.zeros(8_000, np.float32))])
    assert prediction.error == "long: is too long for the networks in the memory of this machine; divide it"


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no description": (lambda folder: (folder / "model.json").unlink(), "model.json: expected the folder of a model"),
    "no JSON": (lambda folder: (folder / "model.json").write_text("{"), "it is not JSON"),
    "endless JSON": (lambda folder: (folder / "model.json").write_text("[" * 100_000), "expected the description"),
    "a later format": (
        lambda folder: change(folder / "model.json", format=FORMAT + 1),
        "format 4, but this program reads formats 1 to 3",
    ),
    "an unknown field": (lambda folder: change(folder / "model.json", mood="good"), "mood: Extra inputs"),
    "no members": (lambda folder: change(folder / "model.json", members=[]), "no member"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors: cannot be read"),
    "other weights": (lambda folder: (folder / "model.safetensors").write_bytes(b"x"), "its digest is"),
    "weights of another network": (
        lambda folder: change(
            folder / "model.json",
            configuration=json.loads((folder / "model.json").read_text())["configuration"] | {"cells": 8},
        ),
        "not those of its configuration",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_folder_is_named_in_one_line(make: Make, name: str) -> None:
    folder, _ = make()
    damage, message = DAMAGE[name]
    damage(folder)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(folder)
    assert str(folder) in str(caught.value)


SINCE_FORMAT = {
    2: ("trained_on", "speakers", "bundled", "expected_ua_interval", "expected_wa_interval", "expected_recalls"),
    3: ("samples_digests",),
}


@pytest.mark.parametrize("earlier", [1, 2])
def test_folder_of_an_earlier_format_is_read(corpus: Corpus, make: Make, earlier: int) -> None:
    folder, _ = make()
    recording = [Recording("first", corpus.utterances[0].path)]
    before = heard(load_model(folder), recording)
    content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    for name in (name for since, names in SINCE_FORMAT.items() if since > earlier for name in names):
        del content[name]
    for member in content["members"] if earlier == 1 else ():
        del member["epochs"]
    (folder / "model.json").write_text(json.dumps(content | {"format": earlier}), encoding="utf-8")
    assert heard(load_model(folder), recording) == before


def test_existing_folder_is_never_overwritten(make: Make) -> None:
    folder, _ = make()
    description, _ = read_folder(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ModelError, match="exists already"):
        write_folder(folder, description, b"", "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_model_in_bf16_computes_in_float32_where_the_processor_lacks_bf16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for precision in ("bf16", "fp32"):
        write_model(tmp_path / precision, settings={"precision": precision})
    recording = Recording("noise", np.random.default_rng(3).standard_normal(16_000).astype(np.float32) / 10)
    (expected,) = load_model(tmp_path / "fp32").predict([recording])
    monkeypatch.setattr("ser.inference.scoring.cpu_runs_bf16", lambda: False)
    (prediction,) = load_model(tmp_path / "bf16").predict([recording])
    assert prediction.probabilities == expected.probabilities
