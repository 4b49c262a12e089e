"""Making of a model of the variant that validation chose, and what to expect of it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median_low
from typing import Any

from ser.config import FoldConfiguration
from ser.corpora.corpus import Corpus
from ser.errors import ConfigurationError
from ser.feature_settings import PretrainedSettings
from ser.features.frontends.base import FrontEndChoice
from ser.features.normalization import AffineNormalization
from ser.features.store import FeatureStore
from ser.identity import fold_identity, installed_torch_version
from ser.inference.description import FORMAT, SAMPLES_DIGEST_LENGTH, Member, ModelDescription, Situation, TrainingSource
from ser.inference.model_folder import Weights, pack_weights, write_folder
from ser.inference.scoring import training_normalisation
from ser.results import Fold
from ser.training.precision import for_cpu
from ser.training.trainer import TrainedFold
from ser.training.whole_corpus import train_on_all_speakers, whole_corpus
from studies.models.card import model_card
from studies.models.choice import VariantTrials
from studies.models.expectation import measure_expectation
from studies.models.scores import ModelScores
from tracking.results.store import ResultStore

Bar = Callable[[str], Callable[[int, int], None]]
"""Opens a progress bar with a title; what it returns is called with the number done and the total."""


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

    def normalisation(self, configuration: FoldConfiguration, fold: Fold) -> AffineNormalization:
        """Normalisation by the training speakers of a fold, as a configuration has it."""
        speakers = [utterance.speaker for utterance in self.corpus.utterances]
        return training_normalisation(self.store, speakers, configuration, fold.training_speakers)


@dataclass(frozen=True)
class _Network:
    """Network of a model, with the normalisation by its training speakers."""

    member: Member
    weights: Weights
    normalisation: AffineNormalization


def make_model(
    source: ModelSource, variant: VariantTrials, folder: Path, training: TrainingSource, bundle: bool, bar: Bar
) -> ModelDescription:
    """Make a model of a variant, and write its folder.

    Args:
        source: Data of the study.
        variant: The variant.
        folder: Folder of the model; it must not exist.
        training: Whether its networks are the trained folds, or one for each seed that is trained on all speakers
            now. No test score enters either.
        bundle: Whether the encoder is copied into the folder.
        bar: Opens a progress bar.

    Returns:
        The description of the model, as written.

    Raises:
        ModelError: The folder exists.
        ConfigurationError: There is no encoder to copy.
        SerError: A result is damaged.
    """
    encoder = _encoder_files(source.front_end) if bundle else []
    folds = [source.results.trained(identity) for trial in variant.trials for identity in trial.folds]
    normalisations = [source.normalisation(fold.result.configuration, fold.result.fold) for fold in folds]
    scores, utterances = measure_expectation(
        source.corpus, source.store, folds, normalisations, bar("measuring what to expect")
    )
    if training == "all":
        networks = _train_on_all(source, folds, bar("training on all speakers"))
    else:
        networks = [
            _Network(_fold_member(fold), fold.weights, normalisation)
            for fold, normalisation in zip(folds, normalisations, strict=True)
        ]
    weights = pack_weights([(network.weights, network.normalisation) for network in networks])
    description = ModelDescription(
        format=FORMAT,
        name=f"{source.corpus.name}-{variant.label}".replace(" · ", "-").replace(" ", ""),
        study=source.study,
        variant=variant.label,
        corpus=source.corpus.identity,
        configuration=variant.configuration,
        front_end=source.front_end,
        members=tuple(network.member for network in networks),
        utterances=utterances,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        versions={"ser-studies": version("ser-studies"), "torch": installed_torch_version()},
        trained_on=training,
        speakers=source.corpus.speakers,
        samples_digests=_samples_digests(source.corpus),
        bundled=bundle,
        **_expected(scores),
    )
    write_folder(folder, description, weights, model_card(description), encoder)
    return description


def _samples_digests(corpus: Corpus) -> dict[str, tuple[str, ...]]:
    """Digests of the samples of all utterances by speaker, from which the recordings are known under other names."""
    digests: dict[str, list[str]] = {speaker: [] for speaker in corpus.speakers}
    for utterance, digest in zip(corpus.utterances, corpus.samples_sha256, strict=True):
        digests[utterance.speaker].append(digest[:SAMPLES_DIGEST_LENGTH])
    return {speaker: tuple(of_speaker) for speaker, of_speaker in digests.items()}


def _encoder_files(choice: FrontEndChoice) -> list[Path]:
    """List the files of a model's encoder.

    Raises:
        ConfigurationError: The front end has no encoder, or not the one of the settings.
    """
    from ser.features.frontends.pretrained.checkpoint import checkpoint_files, read_checkpoint

    if not isinstance(choice.settings, PretrainedSettings) or choice.location is None:
        raise ConfigurationError(f"--bundle: front end {choice.settings.label} has no weights to put into the model")
    return checkpoint_files(read_checkpoint(choice.location))


def _fold_member(fold: TrainedFold) -> Member:
    result = fold.result
    return Member(
        identity=result.identity,
        fold=result.fold.name,
        seed=result.configuration.seed,
        test_speakers=result.fold.test_speakers,
    )


def _train_on_all(
    source: ModelSource, folds: Sequence[TrainedFold], progress: Callable[[int, int], None]
) -> list[_Network]:
    """Train one network for each seed on all speakers.

    It ends after the median of the epochs that validation selected in the folds of its seed, of two middle ones the
    lower; where a recipe scores the last epoch, that is the recipe's number.
    """
    by_seed: dict[int, list[TrainedFold]] = {}
    for fold in folds:
        by_seed.setdefault(fold.result.configuration.seed, []).append(fold)
    epochs = {seed: median_low(fold.result.selected_epoch for fold in of_seed) for seed, of_seed in by_seed.items()}
    networks: list[_Network] = []
    speakers = whole_corpus(source.corpus)
    done, total = 0, sum(epochs.values())
    for seed, of_seed in by_seed.items():
        configuration = for_cpu(of_seed[0].result.configuration)

        def report_epoch(epoch: int, earlier: int = done) -> None:
            progress(earlier + epoch, total)

        weights = train_on_all_speakers(source.corpus, source.store, configuration, epochs[seed], report_epoch)
        done += epochs[seed]
        member = Member(
            identity=fold_identity(
                configuration.model_copy(update={"epochs": epochs[seed]}), source.corpus.digest, speakers, "cpu"
            ),
            fold=speakers.name,
            seed=seed,
            test_speakers=(),
            epochs=epochs[seed],
        )
        networks.append(_Network(member, weights, source.normalisation(configuration, speakers)))
    return networks


def _expected(scores: dict[Situation, ModelScores]) -> dict[str, Any]:
    """Scores as fields of a model's description."""
    return {
        "expected_ua": {situation: score.ua for situation, score in scores.items()},
        "expected_wa": {situation: score.wa for situation, score in scores.items()},
        "expected_ua_interval": {
            situation: score.ua_interval for situation, score in scores.items() if score.ua_interval is not None
        },
        "expected_wa_interval": {
            situation: score.wa_interval for situation, score in scores.items() if score.wa_interval is not None
        },
        "expected_recalls": scores["speaker"].recalls,
    }
