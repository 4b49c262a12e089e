"""Finished trials, read from their files many at a time, in whichever process."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ser.errors import SerError
from tracking.analysis.kept import read_kept
from tracking.analysis.results_table import ScoredTrial
from tracking.analysis.scored_folds import Sharing

TOGETHER = 16
"""Trials that are read in one go: they share what is equal in them, and go from process to process as one."""


class TrialFile(NamedTuple):
    """Where a finished trial's result lies.

    Attributes:
        path: Its file, on this machine.
        run: Name of the run that it belongs to.
    """

    path: Path
    run: str


def read_artifact(path: Path, run: str) -> bytes:
    """Content of a file that belongs to a run.

    Raises:
        SerError: It cannot be read; the text names the file and the run.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SerError(f"{path}: cannot be read ({error.strerror}); MLflow says that it belongs to {run}") from error


def read_trials(files: Sequence[TrialFile]) -> list[ScoredTrial]:
    """Reads finished trials and scores their folds.

    Args:
        files: Their files.

    Returns:
        The trials, in the same order.

    Raises:
        SerError: A file cannot be read, or is no trial's result.
    """
    sharing = Sharing()
    return [_read(file, sharing) for file in files]


def _read(file: TrialFile, sharing: Sharing) -> ScoredTrial:
    content = read_artifact(*file)
    try:
        return ScoredTrial.read(read_kept(content), sharing)
    except ValueError as error:
        raise SerError(f"{file.path}: is no trial's result, though {file.run} is finished: {error}") from error
