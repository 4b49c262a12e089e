"""What mends a finding of `studies.consistency.checks`: records that `studies.consistency.repairer` carries out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mlflow.entities import Run
from optuna.trial import FrozenTrial

from ser.config import FoldConfiguration


@dataclass(frozen=True)
class SupersedeRun:
    """Tag a run as superseded by another one, or by none, and close it where it is still open."""

    run: Run
    by: str


@dataclass(frozen=True)
class EndRun:
    """End a run; without a time it ends now."""

    run: Run
    status: Literal["FINISHED", "KILLED"]
    ended_ms: int | None = None


@dataclass(frozen=True)
class ReparentRun:
    """Put a run below its rightful parent."""

    run: Run
    parent: str


@dataclass(frozen=True)
class RecreateRun:
    """Make a run that is lost, empty and closed; the next start of the study fills it."""

    name: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class TellOptuna:
    """Tell Optuna the value of a point whose trial is written."""

    configuration: FoldConfiguration
    value: float


@dataclass(frozen=True)
class DiscardTrial:
    """Leave a trial of Optuna out of the study: fail it, or note that it is superseded where it is complete."""

    trial: FrozenTrial


@dataclass(frozen=True)
class QuarantineFile:
    """Rename a file of the outbox that cannot be read, so that its fold is trained again."""

    identity: str


Repair = SupersedeRun | EndRun | ReparentRun | RecreateRun | TellOptuna | DiscardTrial | QuarantineFile
