"""Folds as a report reads them: scored once, decisions as arrays, what is equal in them shared.

A thousand trials of ten folds take 40 MB so, a tenth of what their whole results take.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from ser.config import FoldConfiguration, FrozenModel
from ser.identity import DEVICE_TYPES, fold_identity
from ser.metrics import confusion_matrix, unweighted_accuracies, weighted_accuracies
from ser.results import CorpusIdentity, Fold, TargetReport
from tracking.analysis.kept import KeptEpoch, KeptFold, KeptTest, KeptValidation

CURVE_METRICS: tuple[Literal["training_loss", "validation_ua"], ...] = ("training_loss", "validation_ua")
"""Metrics whose course over epochs a report shows."""

_Part = TypeVar("_Part", bound=Hashable)
_Made = TypeVar("_Made", bound=FrozenModel)


@dataclass(frozen=True, eq=False, slots=True)
class Predictions:
    """Decisions on the test utterances of a fold, in the order in which they were made.

    Attributes:
        utterances: Utterance ids.
        speakers: Speaker of each utterance.
        sessions: Session of each utterance, None where the corpus has none.
        actual: True classes, in the same order.
        predicted: Decided classes, shape `(utterance,)`.
    """

    utterances: tuple[str, ...]
    speakers: tuple[str, ...]
    sessions: tuple[str | None, ...]
    actual: tuple[int, ...]
    predicted: NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class MetricCurve:
    """A metric over the epochs of one fold.

    Attributes:
        epochs: Epochs that recorded it, ascending.
        values: Its values, shape `(epoch,)`.
    """

    epochs: tuple[int, ...]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What of code and machine is part of a result's identity: unlike origins, unlike results of equal settings.

    Attributes:
        results_version: Version of the code's results.
        torch: Version of torch.
        device_type: 'cpu' or 'cuda'.
    """

    results_version: int
    torch: str
    device_type: str

    def __str__(self) -> str:
        return f"results version {self.results_version}, torch {self.torch}, {self.device_type}"


@dataclass(frozen=True, eq=False, slots=True)
class ScoredFold:
    """A fold's result as a report reads it, scored once.

    Attributes:
        fold: Its speakers.
        corpus: The corpus.
        configuration: The whole configuration.
        results_version: Version of the code's results.
        environment: Versions and machine, by name.
        test: Decisions on the test speakers.
        confusion: The same as counts, shape `(class, class)`, rows true.
        ua: Test UA over the classes that the fold's test set has, 0..1.
        wa: Test WA, 0..1.
        undecided_share: Share of test utterances that the posterior decided in place of the best path;
            None for other decisions.
        validation_ua: UA of the validation speakers, 0..1.
        validation_loss: Mean loss of the validation speakers, in nats, or None.
        validation_sessions: Sessions of the validation utterances.
        courses: `CURVES` that were recorded, by name.
        epochs: Epochs that were trained.
        selected_epoch: Epoch whose weights were scored.
        targets: What became of the label sequences.
        started_ms: Wall-clock start, in milliseconds since 1970.
        ended_ms: Wall-clock end, in milliseconds since 1970.
    """

    fold: Fold
    corpus: CorpusIdentity
    configuration: FoldConfiguration
    results_version: int
    environment: Mapping[str, str]
    test: Predictions
    confusion: NDArray[np.int64]
    ua: float
    wa: float
    undecided_share: float | None
    validation_ua: float
    validation_loss: float | None
    validation_sessions: frozenset[str | None]
    curves: Mapping[str, MetricCurve]
    epochs: int
    selected_epoch: int
    targets: TargetReport
    started_ms: int
    ended_ms: int

    @property
    def origin(self) -> Provenance:
        """Versions and device type that it was trained with."""
        known = self.environment
        return Provenance(self.results_version, known.get("torch", ""), known.get("device_type", ""))

    @property
    def seconds(self) -> float:
        """Wall-clock seconds that it took."""
        return (self.ended_ms - self.started_ms) / 1000


class Sharing:
    """Equal parts of many folds, such as their speakers and their utterances, each made and kept once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}
        self._last: dict[tuple[type[FrozenModel], int], tuple[dict[str, Any], FrozenModel]] = {}

    def one(self, value: _Part) -> _Part:
        """The first value that was equal to this one."""
        return cast(_Part, self._known.setdefault(value, value))

    def made(self, kind: type[_Made], raw: dict[str, Any], place: int = 0) -> _Made:
        """A validated part; the last one at its place where that was made of the same.

        Args:
            kind: Its class.
            raw: Its fields, as they are kept.
            place: Which of several such parts of a trial it is.
        """
        known = self._last.get((kind, place))
        if known is None or known[0] != raw:
            known = self._last[kind, place] = raw, self.one(kind.model_validate(raw))
        return cast(_Made, known[1])


def score_folds(folds: Sequence[KeptFold], sharing: Sharing) -> tuple[ScoredFold, ...]:
    """Scores the folds of one trial.

    Args:
        folds: The folds, of one corpus.
        sharing: Equal parts of other folds, which these then share.

    Returns:
        The scored folds, in the same order.
    """
    if not folds:
        return ()
    classes = len(sharing.made(CorpusIdentity, folds[0]["corpus"]).emotions)
    confusions = _confusions([fold["test"] for fold in folds], classes)
    validations = _confusions([fold["validation"] for fold in folds], classes)
    scores = zip(
        confusions,
        unweighted_accuracies(confusions).tolist(),
        weighted_accuracies(confusions).tolist(),
        unweighted_accuracies(validations).tolist(),
        strict=True,
    )
    return tuple(
        _scored(place, fold, *own, sharing) for place, (fold, own) in enumerate(zip(folds, scores, strict=True))
    )


def _confusions(parts: Sequence[KeptTest | KeptValidation], classes: int) -> NDArray[np.int64]:
    return np.stack([confusion_matrix(part["actual"], part["predicted"], classes) for part in parts])


def _scored(
    place: int,
    kept: KeptFold,
    confusion: NDArray[np.int64],
    ua: float,
    wa: float,
    validation_ua: float,
    sharing: Sharing,
) -> ScoredFold:
    test, validation = kept["test"], kept["validation"]
    fold, corpus = sharing.made(Fold, kept["fold"], place), sharing.made(CorpusIdentity, kept["corpus"])
    configuration = sharing.made(FoldConfiguration, kept["configuration"])
    environment = _with_device_type(kept, fold, corpus, configuration)
    return ScoredFold(
        fold=fold,
        corpus=corpus,
        configuration=configuration,
        results_version=kept["results_version"],
        environment=dict(sharing.one(tuple(environment.items()))),
        test=Predictions(
            sharing.one(test["utterances"]),
            sharing.one(test["speakers"]),
            sharing.one(test["sessions"]),
            sharing.one(test["actual"]),
            np.array(test["predicted"], dtype=np.int64),
        ),
        confusion=confusion,
        ua=ua,
        wa=wa,
        undecided_share=test["undecided_share"],
        validation_ua=validation_ua,
        validation_loss=validation["loss"],
        validation_sessions=sharing.one(frozenset(validation["sessions"])),
        curves=_courses(kept["curve"], sharing),
        epochs=len(kept["curve"]),
        selected_epoch=kept["selected_epoch"],
        targets=sharing.made(TargetReport, kept["targets"]),
        started_ms=kept["started_ms"],
        ended_ms=kept["ended_ms"],
    )


def _with_device_type(
    kept: KeptFold, fold: Fold, corpus: CorpusIdentity, configuration: FoldConfiguration
) -> dict[str, str]:
    """A fold's environment; results that do not name their device type have it in their identity."""
    known = kept["environment"]
    if "device_type" in known:
        return known
    torch, version = known.get("torch", ""), kept["results_version"]
    for device_type in DEVICE_TYPES:
        if fold_identity(configuration, corpus.digest, fold, device_type, torch, version) == kept["identity"]:
            return known | {"device_type": device_type}
    return known


def _courses(curve: Sequence[KeptEpoch], sharing: Sharing) -> dict[str, MetricCurve]:
    courses: dict[str, MetricCurve] = {}
    for name in CURVE_METRICS:
        known = [(record["epoch"], record["values"][name]) for record in curve if name in record["values"]]
        if known:
            epochs, values = zip(*known, strict=True)
            courses[name] = MetricCurve(sharing.one(epochs), np.array(values, dtype=np.float64))
    return courses
