"""What a report reads of a trial as it is kept: its decisions and curves, and neither scores per emotion nor weights.

A table of a thousand trials has ten thousand folds. Plain dictionaries take a third of the time and memory of the
results' own classes; what repeats from fold to fold stays raw here, and is validated once
(`tracking.analysis.results_table`).
"""

from typing import Any

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from tracking.analysis.trial_result import TrialResult

_READ = with_config(ConfigDict(extra="ignore"))
_SCORES = b'"scores":['


@_READ
class KeptTest(TypedDict):
    """Decisions on the test speakers; see `ser.results.Evaluation`."""

    utterances: tuple[str, ...]
    speakers: tuple[str, ...]
    sessions: tuple[str | None, ...]
    actual: tuple[int, ...]
    predicted: tuple[int, ...]
    undecided_share: float | None


@_READ
class KeptValidation(TypedDict):
    """Decisions on the validation speakers; see `ser.results.Evaluation`."""

    sessions: tuple[str | None, ...]
    actual: tuple[int, ...]
    predicted: tuple[int, ...]
    loss: float | None


@_READ
class KeptValues(TypedDict, total=False):
    """Metrics of an epoch whose course a report shows."""

    training_loss: float
    validation_ua: float


@_READ
class KeptEpoch(TypedDict):
    """An epoch; see `ser.results.EpochRecord`."""

    epoch: int
    values: KeptValues


@_READ
class KeptFold(TypedDict):
    """A fold; see `ser.results.FoldResult`. Fold, corpus, configuration and targets are raw."""

    identity: str
    results_version: int
    fold: dict[str, Any]
    corpus: dict[str, Any]
    configuration: dict[str, Any]
    test: KeptTest
    validation: KeptValidation
    curve: list[KeptEpoch]
    selected_epoch: int
    targets: dict[str, Any]
    started_ms: int
    ended_ms: int
    environment: dict[str, str]


@_READ
class KeptTrial(TypedDict):
    """A trial; see `tracking.analysis.trial_result.TrialResult`. The scheme is raw."""

    study: str
    recipe: str
    trial_id: str
    scheme: list[dict[str, Any]]
    folds: list[KeptFold]


_TRIAL = TypeAdapter(KeptTrial)


def read_kept(content: bytes) -> KeptTrial:
    """Reads what a report needs of a trial's file.

    Scores per emotion are more than half of it. They are cut out before anything is made of them: the key's closing
    quote tells it from any text, since in text a quote has a backslash before it.

    Args:
        content: The trial as JSON, as pydantic writes it.

    Returns:
        What is read of it.

    Raises:
        ValueError: It is no trial.
    """
    parts, place = [], 0
    while (found := content.find(_SCORES + b"[", place)) >= 0:
        parts.append(content[place : found + len(_SCORES)])
        place = content.index(b"]]", found) + 1
    return _TRIAL.validate_json(b"".join([*parts, content[place:]]))


def kept(result: TrialResult) -> KeptTrial:
    """What a report reads of a trial whose results are at hand."""
    return _TRIAL.validate_python(result.model_dump(mode="json"))
