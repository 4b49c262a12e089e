"""Repairs of a study's inconsistencies, as records that `studies.consistency.repairer` applies."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlflow.entities import Run
from optuna.trial import FrozenTrial

from ser.config import FoldConfiguration


@dataclass(frozen=True)
class SupersedeRun:
    """Tag a run as superseded by another one, or by none, and end it where it is open."""

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
    """Put a run below another parent."""

    run: Run
    parent: str


@dataclass(frozen=True)
class RecreateRun:
    """Make a lost run again, empty and ended; the next start of the study fills it."""

    name: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class RestoreResult:
    """Copy a result whose run is lost to the outbox, from which its run is written again."""

    identity: str
    path: Path


@dataclass(frozen=True)
class TellOptuna:
    """Tell Optuna the value of a point whose trial run is finished."""

    configuration: FoldConfiguration
    value: float


@dataclass(frozen=True)
class DiscardTrial:
    """Leave an Optuna trial out of the study: fail it, or note that it is superseded where it is complete."""

    trial: FrozenTrial


@dataclass(frozen=True)
class QuarantineFile:
    """Rename an outbox file that holds no result, so that its fold is trained again."""

    identity: str


Repair = SupersedeRun | EndRun | ReparentRun | RecreateRun | RestoreResult | TellOptuna | DiscardTrial | QuarantineFile
