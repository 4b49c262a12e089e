"""Result of a trained fold: its evaluation, its curve, and the facts it rests on.

These are plain, frozen records that survive JSON without losing a digit.
"""

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import Field, TypeAdapter

from ser.config import FoldConfiguration
from ser.feature_settings import (
    FeatureSettings,
    FrontEndSettings,
    LogMelProsodySettings,
    LogMelSettings,
    OpenSmileSettings,
)
from ser.frozen_model import FrozenModel


class Fold(FrozenModel):
    """Which speakers test, validate and train.

    Attributes:
        index: Position in the scheme, from 0.
        name: Readable name, such as 'Ses02F'.
        scheme: The scheme's name, such as 'leave-one-speaker-out'.
        test_speakers: Speakers that test.
        validation_speakers: Speakers that validate.
        training_speakers: Speakers that train.
    """

    index: int
    name: str
    scheme: str
    test_speakers: tuple[str, ...]
    validation_speakers: tuple[str, ...]
    training_speakers: tuple[str, ...]


class CorpusIdentity(FrozenModel):
    """Corpus that a result rests on.

    Attributes:
        name: Name of the corpus.
        digest: Its digest.
        emotions: The class set, in the order of the classes.
        synthetic: Whether its speech was made by a program.
    """

    name: str
    digest: str
    emotions: tuple[str, ...]
    synthetic: bool = False


class Evaluation(FrozenModel):
    """Every decision made on one part of a fold, utterance by utterance.

    Attributes:
        utterances: Utterance ids.
        speakers: Speaker of each utterance.
        sessions: Session of each utterance, or None where the corpus has none.
        actual: True class of each utterance, an index into the corpus's emotions.
        predicted: Decided class of each utterance.
        scores: For each utterance the decision's score per class; they sum to 1.
        loss: Mean loss over the utterances, in nats, or None where there is none to state.
        undecided_share: Share of utterances whose collapsed best path was empty or tied, so that
            the posterior decided; None for other decisions.
    """

    utterances: tuple[str, ...]
    speakers: tuple[str, ...]
    sessions: tuple[str | None, ...]
    actual: tuple[int, ...]
    predicted: tuple[int, ...]
    scores: tuple[tuple[float, ...], ...]
    loss: float | None = None
    undecided_share: float | None = None


class EpochRecord(FrozenModel):
    """One epoch of a fold's curve.

    Attributes:
        epoch: Epoch, counted from 1.
        ended_ms: Wall-clock time of its end, in milliseconds since 1970.
        values: Metrics by name, such as 'training_loss' and 'validation_ua'.
    """

    epoch: int
    ended_ms: int
    values: dict[str, float]


MAX_CAPPED_SHARE = 0.01
"""Above this share of shortened targets a variant no longer tests the strategy that it names."""


class TargetReport(FrozenModel):
    """Changes made to the label sequences of all utterances of a fold's corpus.

    Attributes:
        utterances: Number of utterances.
        capped: Targets shortened because CTC had too few frames for them.
        raised: Counts of 0 raised to 1.
    """

    utterances: int = 0
    capped: int = 0
    raised: int = 0


class AttentionEffect(FrozenModel):
    """Effect of a trained attention on the test utterances.

    Attributes:
        changed_decision_share: Share of decisions that change when the attention is taken out of the trained
            network (U = C), 0..1.
        weight_statistics: Statistics of its weights over valid frames, by metric name: shares of negative and of
            saturated weights, or their entropy relative to that of equal weights.
    """

    changed_decision_share: float
    weight_statistics: dict[str, float] = Field(default_factory=dict)


class FoldResult(FrozenModel):
    """Everything that is known of a trained fold, its weights apart.

    Attributes:
        identity: Digest that names this fold of this model on this data (see `ser.identity`).
        results_version: Version of the code's results.
        fold: Its speakers.
        corpus: The corpus.
        configuration: The whole configuration.
        test: Decisions on the test speakers.
        validation: Decisions on the validation speakers.
        curve: One record per epoch.
        selected_epoch: Epoch whose weights were scored.
        targets: What became of the label sequences.
        started_ms: Wall-clock start, in milliseconds since 1970.
        ended_ms: Wall-clock end, in milliseconds since 1970.
        environment: Versions and machine, by name.
        attention_effect: Effect of the attention on the test utterances; None without an attention, and where it
            was not measured.
    """

    identity: str
    results_version: int
    fold: Fold
    corpus: CorpusIdentity
    configuration: FoldConfiguration
    test: Evaluation
    validation: Evaluation
    curve: tuple[EpochRecord, ...]
    selected_epoch: int
    targets: TargetReport
    started_ms: int
    ended_ms: int
    environment: dict[str, str] = Field(default_factory=dict)
    attention_effect: AttentionEffect | None = None


FRAME_STATISTICS: Final = "means and deviations"
"""Functionals of a baseline that are made of a front end's frames."""

FunctionalsName = Literal["means and deviations", "functionals", "eGeMAPSv02", "ComParE_2016"]
"""Sets of functionals: the numbers that describe a whole utterance to a classical baseline."""


_FRAMES_OF_FUNCTIONALS: dict[str, tuple[type[FrontEndSettings], int]] = {
    "functionals": (LogMelProsodySettings, 2),
    "eGeMAPSv02": (OpenSmileSettings, 1),
    "ComParE_2016": (OpenSmileSettings, 1),
}
"""Settings of the frames that functionals of the audio are made of, and the version of these frames that counts as 1:
the keys of the first results name none."""


def functionals_frames_version(features: FrontEndSettings, functionals: FunctionalsName) -> int:
    """Return the version of the frames that functionals are made of, by which a baseline is stored.

    Args:
        features: Settings of the study's front end.
        functionals: What the baseline hears of an utterance.
    """
    if functionals == FRAME_STATISTICS:
        return features.frames_version
    settings, first = _FRAMES_OF_FUNCTIONALS[functionals]
    return settings.frames_version - first + 1


BASELINES_VERSION = 2
"""Raised whenever the code changes what a baseline computes of the same frames or audio, so that no result of earlier
code is taken for one of this. Results of version 1 do not say it: other rules chose their penalty, or none did."""


class BaselineResult(FrozenModel):
    """Classical baseline, such as logistic regression, over all folds of one corpus and scheme.

    Attributes:
        name: Readable name of the classifier.
        corpus: The corpus.
        normalisation: Normalisation of the frames, or of the functionals where these are not made of frames.
        folds: The folds, in order.
        tests: Test decisions, one per fold.
        features: Settings of the front end of its frames; of no effect where functionals are not made of frames.
        functionals: What it hears of an utterance.
        validations: Validation decisions, one per fold; none where nothing was chosen by validation.
        inverse_penalties: C that the validation speakers of each fold chose; likewise.
        version: `BASELINES_VERSION` of the code that trained it.
        frames_version: Version of the frames, as `functionals_frames_version` counts it.
    """

    name: str
    corpus: CorpusIdentity
    normalisation: str
    folds: tuple[Fold, ...]
    tests: tuple[Evaluation, ...]
    features: FeatureSettings = LogMelSettings()
    functionals: FunctionalsName = FRAME_STATISTICS
    validations: tuple[Evaluation, ...] = ()
    inverse_penalties: tuple[float, ...] = ()
    version: int = 1
    frames_version: int = 1


BASELINE_RESULTS = TypeAdapter(tuple[BaselineResult, ...])
"""Reader and writer of several baselines in one file."""

_SCHEME = TypeAdapter(tuple[Fold, ...])


def scheme_json(scheme: Sequence[Fold]) -> bytes:
    """Return all folds of a study, as its run keeps them."""
    return _SCHEME.dump_json(tuple(scheme))
