"""What a report tells beside the results: how each study was run, and what the search learnt of its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class StudyInfo:
    """How a study was run.

    Attributes:
        command: The command that runs it, or goes on with it.
        trials: Trials that it should have.
        trials_done: Trials that are complete, or were given up.
        commit: Git commit of the code; empty where it did not run from a checkout.
        dirty: Whether the checkout had changes that were not committed.
        running: Whether it is being run now.
    """

    command: str
    trials: int
    trials_done: int
    commit: str = ""
    dirty: bool = False
    running: bool = False


@dataclass(frozen=True)
class ParameterImportances:
    """How the variance of validation UA that settings explain one at a time divides among them.

    Attributes:
        among: Which trials, in words.
        trials: Their number.
        shares: Share of each setting, 0..1, the largest first; they sum to 1.
    """

    group: str
    trials: int
    shares: Mapping[str, float]


@dataclass(frozen=True)
class ReportContext:
    """All that a report is told beside the results.

    Attributes:
        origins: How each study was run, by its name.
        importances: Importances of settings, one for each group of trials that share them.
    """

    origins: Mapping[str, StudyInfo] = field(default_factory=dict)
    importances: tuple[ParameterImportances, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether trials are still to come."""
        return any(origin.trials_done < origin.trials for origin in self.origins.values())

    @property
    def running(self) -> tuple[str, ...]:
        """Studies that are being run now."""
        return tuple(name for name, origin in self.origins.items() if origin.running)
