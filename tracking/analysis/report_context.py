"""Context of a report: how each study was run, and the importances of its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class StudyInfo:
    """Command, progress and code version of a study.

    Attributes:
        command: Command that runs or resumes it.
        trials: Number of its trials.
        trials_done: Number of trials that are complete or pruned.
        commit: Git commit of the code; empty outside a checkout.
        dirty: Whether the checkout had uncommitted changes.
        running: Whether it is running now.
        file: Its study file, as YAML; empty where none is to be shown.
    """

    command: str
    trials: int
    trials_done: int
    commit: str = ""
    dirty: bool = False
    running: bool = False
    file: str = ""


@dataclass(frozen=True)
class ParameterImportances:
    """Shares of settings in the variance of validation UA that single settings explain.

    Attributes:
        group: Description of the trials.
        trials: Number of trials.
        shares: Share of each setting, 0..1, in descending order; their sum is 1.
    """

    group: str
    trials: int
    shares: Mapping[str, float]


@dataclass(frozen=True)
class ReportContext:
    """Content of a report besides the results.

    Attributes:
        studies: How each study was run, by its name.
        importances: Importances of settings, one for each group of trials that share them.
    """

    studies: Mapping[str, StudyInfo] = field(default_factory=dict)
    importances: tuple[ParameterImportances, ...] = ()

    @property
    def partial(self) -> bool:
        """True where trials are missing."""
        return any(study.trials_done < study.trials for study in self.studies.values())

    @property
    def running(self) -> tuple[str, ...]:
        """Names of the studies that are running now."""
        return tuple(name for name, study in self.studies.items() if study.running)
