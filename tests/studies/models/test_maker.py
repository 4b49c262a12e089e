"""A model is made of trained folds, or trained on all speakers for as long as the folds' validation says."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ser.errors import ConfigurationError
from ser.features.frontends.base import FrontEndChoice
from ser.identity import fold_identity
from ser.inference import load_model
from ser.inference.description import ModelDescription, TrainingSource
from ser.inference.frames import Recording
from ser.inference.model_folder import WEIGHTS
from ser.metrics import evaluation_confusion, unweighted_accuracy
from ser.training.checkpoint import parse_result, serialize_fold
from ser.training.precision import for_cpu
from ser.training.trainer import TrainedFold
from studies.models.choice import VariantTrials
from studies.models.maker import ModelSource, make_model
from studies.models.scores import Decisions, score_decisions
from studies.search.started_trials import StartedTrial
from tests.support.toy_corpus import fold_of, small, toy_corpus, toy_store, train
from tracking.results.store import ResultStore

CORPUS = toy_corpus()
FOLDS = 3


def with_result(fold: TrainedFold, **changes: Any) -> TrainedFold:
    return dataclasses.replace(fold, result=fold.result.model_copy(update=changes))


def no_bar(title: str) -> Callable[[int, int], None]:
    return lambda done, total: None


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., tuple[ModelDescription, Path]]:
    """Makes a model of three folds a seed whose selected epochs are given."""

    def made(
        name: str,
        training: TrainingSource,
        selected: tuple[tuple[int, ...], ...] = ((1, 4, 2),),
        bar: Any = no_bar,
        bundle: bool = False,
        **changes: Any,
    ) -> tuple[ModelDescription, Path]:
        results, trials = ResultStore(tmp_path / "results"), []
        for seed, epochs in enumerate(selected, 1):
            configuration = small(seed=seed, epochs=4, selection="best_validation", **changes)
            folds = [
                with_result(
                    train(for_cpu(configuration), fold=fold_of(CORPUS, index)),
                    identity=fold_identity(configuration, CORPUS.digest, fold_of(CORPUS, index), "cpu"),
                    selected_epoch=epoch,
                    configuration=configuration,
                )
                for index, epoch in enumerate(epochs)
            ]
            for fold in folds:
                results.put(fold.result.identity, serialize_fold(fold))
            trials.append(
                StartedTrial(
                    configuration=configuration,
                    identity=str(seed),
                    folds={fold.result.identity: fold.result.fold for fold in folds},
                    state=None,  # type: ignore[arg-type]
                    mean_validation_ua=0.5,
                    pruned=None,
                    failure=None,
                )
            )
        variant = VariantTrials("none · words", tuple(trials))
        front_end = FrontEndChoice(settings=trials[0].configuration.features)
        source = ModelSource("first", CORPUS, toy_store(CORPUS), front_end, results)
        return make_model(source, variant, tmp_path / name, training, bundle, bar), tmp_path / name

    return made


Make = Callable[..., tuple[ModelDescription, Path]]


def test_training_on_all_speakers_is_repeated_bit_for_bit(make: Make) -> None:
    steps: list[tuple[int, int]] = []
    first, folder = make("first", "all", bar=lambda title: lambda done, total: steps.append((done, total)))
    second, again = make("second", "all")
    assert (folder / WEIGHTS).read_bytes() == (again / WEIGHTS).read_bytes()
    assert first.weights_sha256 == second.weights_sha256
    assert steps[-2:] == [(1, 2), (2, 2)]
    (member,) = first.members
    assert (member.fold, member.test_speakers, member.epochs) == ("all", (), 2)


def test_networks_of_a_study_in_tf32_compute_in_float32(make: Make) -> None:
    tf32, folder = make("tf32", "all", normalisation="zscore_speaker", precision="tf32")
    fp32, again = make("fp32", "all", normalisation="zscore_speaker")
    assert set(tf32.expected_ua) == {"speaker", "file", "stranger"}
    assert tf32.expected_ua == fp32.expected_ua
    assert (folder / WEIGHTS).read_bytes() == (again / WEIGHTS).read_bytes()
    samples = np.random.default_rng(1).standard_normal(4_000).astype(np.float32) / 10
    predictions = [
        prediction for path in (folder, again) for prediction in load_model(path).predict([Recording("noise", samples)])
    ]
    assert predictions[0].error is None
    assert predictions[0].probabilities == predictions[1].probabilities


def test_each_seed_is_trained_for_the_median_of_its_folds(make: Make) -> None:
    description, _ = make("model", "all", ((1, 4, 3), (2, 1, 1)))
    assert [(member.seed, member.epochs) for member in description.members] == [(1, 3), (2, 1)]
    assert len({member.identity for member in description.members}) == 2


def test_last_epoch_of_the_recipe_is_the_last_on_all_speakers(make: Make) -> None:
    description, _ = make("model", "all", ((4, 4, 4),))
    assert description.members[0].epochs == 4


def test_expected_scores_are_those_of_the_folds_either_way(make: Make) -> None:
    by_folds, folder = make("folds", "folds")
    by_all, folder_of_all = make("all", "all")
    assert by_folds.expected_ua == by_all.expected_ua
    assert by_folds.expected_ua_interval == by_all.expected_ua_interval
    results = [parse_result(path.read_bytes()) for path in (folder.parent / "results").glob("*.safetensors")]
    confusion = sum(evaluation_confusion(result.test, 3) for result in results)
    assert by_folds.expected_ua["speaker"] == pytest.approx(unweighted_accuracy(confusion))  # type: ignore[arg-type]
    tests = [result.test for result in results]
    decisions = Decisions(
        actual=np.concatenate([test.actual for test in tests]),
        predicted=np.concatenate([test.predicted for test in tests])[np.newaxis],
        speakers=[speaker for test in tests for speaker in test.speakers],
        classes=3,
    )
    assert by_folds.expected_ua_interval["speaker"] == pytest.approx(score_decisions(decisions).ua_interval)
    card, card_of_all = (path.joinpath("README.md").read_text(encoding="utf-8") for path in (folder, folder_of_all))
    assert "3 networks of variant none · words vote" in card
    assert "1 network was trained on all speakers" in card_of_all
    assert "These are the scores of the study's folds" in card_of_all
    assert "| sadness | " in card


def test_model_names_the_samples_of_its_utterances(make: Make) -> None:
    description, _ = make("model", "folds")
    assert tuple(description.samples_digests) == CORPUS.speakers
    digests = [digest for of_speaker in description.samples_digests.values() for digest in of_speaker]
    assert sorted(digests) == sorted(digest[:32] for digest in CORPUS.samples_sha256)
    assert all(digest.startswith("f1") for digest in description.samples_digests["f1"])


def test_front_end_without_an_encoder_cannot_be_bundled(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--bundle: front end log_mel has no weights"):
        make("model", "folds", bundle=True)
    assert not (tmp_path / "model").exists()
