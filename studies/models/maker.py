"""Making of a model: an ensemble of the folds of the variant that validation chose, and what to expect of it."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.corpora.corpus import Corpus
from ser.features.frontends.base import FrontEndChoice
from ser.features.normalization import AffineNormalization
from ser.features.store import FeatureStore
from ser.folds import split_indices
from ser.identity import installed_torch_version
from ser.inference.description import FORMAT, Member, ModelDescription, Situation
from ser.inference.model_folder import pack_weights, write_folder
from ser.inference.scoring import normalise, score_utterances, training_normalisation
from ser.metrics import confusion_matrix, unweighted_accuracy, weighted_accuracy
from ser.model.network import SpeechEmotionNetwork
from ser.training.checkpoint import deserialize_fold
from ser.training.trainer import TrainedFold
from studies.models.card import model_card
from studies.models.choice import VariantTrials
from tracking.results.store import ResultStore


@dataclass(frozen=True)
class ModelSource:
    """Data that a model is made of.

    Attributes:
        study: Name of the study.
        corpus: Its corpus.
        store: Raw frames of the corpus.
        front_end: The front end of the frames.
        results: Results on disk.
    """

    study: str
    corpus: Corpus
    store: FeatureStore
    front_end: FrontEndChoice
    results: ResultStore

    @property
    def speakers(self) -> list[str]:
        """Speaker of each utterance."""
        return [utterance.speaker for utterance in self.corpus.utterances]


def make_model(
    source: ModelSource, variant: VariantTrials, folder: Path, progress: Callable[[int, int], None]
) -> ModelDescription:
    """Make a model of a variant's trained folds, and write its folder.

    Args:
        source: Data of the study.
        variant: The variant.
        folder: Folder of the model; it must not exist.
        progress: Called with the folds done and their number.

    Returns:
        The description of the model, as written.

    Raises:
        StudyError: The variant's decision cannot be made for utterances without known words.
        ModelError: The folder exists.
        SerError: A result is damaged.
    """
    folds = list(_read_folds(source.results, variant))
    members = []
    heard: list[dict[Situation, NDArray[np.int64]]] = []
    for done, fold in enumerate(folds, 1):
        normalisation = training_normalisation(
            source.store, source.speakers, fold.result.configuration, fold.result.fold.training_speakers
        )
        heard.append(_confusions(source, fold, normalisation))
        members.append((fold.weights, normalisation))
        progress(done, len(folds))
    weights = pack_weights(members)
    description = _describe(source, variant, folds, weights, _add_up(heard))
    write_folder(folder, description, weights, model_card(description))
    return description


def _read_folds(results: ResultStore, variant: VariantTrials) -> Iterable[TrainedFold]:
    for trial in variant.trials:
        for identity in trial.folds:
            yield deserialize_fold(results.path(identity).read_bytes())


def _confusions(
    source: ModelSource, fold: TrainedFold, training: AffineNormalization
) -> dict[Situation, NDArray[np.int64]]:
    """Confusion matrices of a fold on its test speakers, by what is known of them."""
    result = fold.result
    classes = len(source.corpus.emotions)
    _, _, test = split_indices(source.corpus, result.fold)
    confusions: dict[Situation, NDArray[np.int64]] = {
        "speaker": confusion_matrix(result.test.actual, result.test.predicted, classes)
    }
    if result.configuration.normalisation != "zscore_speaker":
        return confusions
    network = SpeechEmotionNetwork(result.configuration, classes)
    network.load_state_dict(dict(fold.weights))
    frames = _Subset(source.store, test)
    speakers = [source.corpus.utterances[index].speaker for index in test]
    situations: tuple[Situation, ...] = ("file", "stranger")
    for situation in situations:
        features = normalise(frames, speakers, result.configuration, training, situation)
        predicted = score_utterances(network, features, result.configuration).argmax(axis=1)
        actual = [source.corpus.emotions.index(source.corpus.utterances[index].emotion) for index in test]
        confusions[situation] = confusion_matrix(actual, predicted.tolist(), classes)
    return confusions


@dataclass(frozen=True)
class _Subset:
    """Frames of some utterances of a store.

    Attributes:
        store: The store.
        indices: Positions of the utterances.
    """

    store: FeatureStore
    indices: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Frames of each utterance, shape `(utterance,)`."""
        lengths: NDArray[np.int64] = self.store.lengths[self.indices]
        return lengths

    @property
    def width(self) -> int:
        """Numbers in a frame."""
        return self.store.width

    def frames(self, index: int) -> NDArray[np.floating]:
        """Frames of one utterance, shape `(frame, width)`."""
        return self.store.frames(int(self.indices[index]))


def _add_up(confusions: list[dict[Situation, NDArray[np.int64]]]) -> dict[Situation, NDArray[np.int64]]:
    total = dict(confusions[0])
    for fold in confusions[1:]:
        total = {situation: total[situation] + fold[situation] for situation in total}
    return total


def _describe(
    source: ModelSource,
    variant: VariantTrials,
    folds: list[TrainedFold],
    weights: bytes,
    confusions: dict[Situation, NDArray[np.int64]],
) -> ModelDescription:
    members = tuple(
        Member(
            identity=fold.result.identity,
            fold=fold.result.fold.name,
            seed=fold.result.configuration.seed,
            test_speakers=fold.result.fold.test_speakers,
        )
        for fold in folds
    )
    return ModelDescription(
        format=FORMAT,
        name=f"{source.corpus.name}-{variant.label}".replace(" · ", "-").replace(" ", ""),
        study=source.study,
        variant=variant.label,
        corpus=source.corpus.identity,
        configuration=variant.configuration,
        front_end=source.front_end,
        members=members,
        expected_ua={situation: unweighted_accuracy(confusion) for situation, confusion in confusions.items()},
        expected_wa={situation: weighted_accuracy(confusion) for situation, confusion in confusions.items()},
        utterances=int(confusions["speaker"].sum()) // len(variant.trials),
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        versions={"ser-studies": version("ser-studies"), "torch": installed_torch_version()},
    )
