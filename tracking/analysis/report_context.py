"""Context of a report: how each study was run, and the importances of its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


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


@dataclass(frozen=True, eq=False)
class UtteranceMap:
    """Utterances in a plane: the first two principal components of their pooled frames.

    Attributes:
        source: Description of the frames.
        utterances: Utterance ids.
        speakers: Speaker of each utterance.
        emotions: Emotion of each utterance.
        points: Coordinates, shape `(utterance, 2)`.
        explained: Share of the variance along each axis, 0..1.
    """

    source: str
    utterances: tuple[str, ...]
    speakers: tuple[str, ...]
    emotions: tuple[str, ...]
    points: NDArray[np.float64]
    explained: tuple[float, float]


@dataclass(frozen=True)
class UnseenSpeakers:
    """UA of variants on test speakers of whom few recordings are at hand.

    Attributes:
        ua: UA of each variant, 0..1, by the number of recordings whose statistics normalise a speaker's frames; 0 for
            those of the training speakers. The first variant is the one with the highest validation UA.
        notes: Why variants are missing, one line each.
    """

    ua: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FrontEndCost:
    """Cost of the frames of a front end.

    Attributes:
        front_end: Name of the front end.
        frames: Frames of the corpus.
        width: Numbers in a frame.
        size_bytes: Size of its store on disk.
        seconds: Time that the frames took, in seconds, for all layers of one pass together; None where no record of it
            is left.
    """

    front_end: str
    frames: int
    width: int
    size_bytes: int
    seconds: float | None


@dataclass(frozen=True)
class ReportContext:
    """Content of a report besides the results.

    Attributes:
        studies: How each study was run, by its name.
        importances: Importances of settings, one for each group of trials that share them.
        unseen: UA on speakers of whom few recordings are at hand.
        front_ends: Cost of the front ends whose stores are at hand.
        commands: Commands that use the variant that validation chose, and that go on, each with its purpose.
        utterance_map: Map of the utterances; None where their frames are not at hand.
        clips: Recording of an utterance as a WAV file, by its id.
        notes: Notes for the reader beside those of the results.
    """

    studies: Mapping[str, StudyInfo] = field(default_factory=dict)
    importances: tuple[ParameterImportances, ...] = ()
    unseen: UnseenSpeakers = UnseenSpeakers()
    front_ends: tuple[FrontEndCost, ...] = ()
    commands: tuple[tuple[str, str], ...] = ()
    utterance_map: UtteranceMap | None = None
    clips: Mapping[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """True where trials are missing."""
        return any(study.trials_done < study.trials for study in self.studies.values())

    @property
    def running(self) -> tuple[str, ...]:
        """Names of the studies that are running now."""
        return tuple(name for name, study in self.studies.items() if study.running)
