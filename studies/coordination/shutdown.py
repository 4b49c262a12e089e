"""Shutdown of a study before its end: by an error, Ctrl-C or SIGTERM."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mlflow.exceptions import MlflowException

from ser.errors import SerError
from tracking.writing.recorder import Recorder


@contextmanager
def closing_runs_on_error(recorder: Recorder, check_lease: Callable[[], None]) -> Iterator[None]:
    """Close the study's open runs where the block ends by an error; the next start of the study resumes them.

    Args:
        recorder: The study's recorder.
        check_lease: Checks the study's lease: where another coordinator has taken the study, open runs belong to it.
    """
    try:
        yield
    except BaseException as error:
        try:
            check_lease()
            recorder.close_open_runs()
        except (SerError, MlflowException, OSError) as close_error:
            # The tracking store itself may have failed; the next start resumes open runs as well.
            error.add_note(f"the study's runs could not be closed: {close_error}; its next start does it")
        raise


@contextmanager
def sigterm_as_exit() -> Iterator[None]:
    """Turn SIGTERM, which batch systems send before SIGKILL, into an exit that closes what is open.

    This holds for the first signal, so that a second one does not interrupt the exit. Main thread only.
    """

    def exit_once(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(128 + number)

    previous = signal.signal(signal.SIGTERM, exit_once)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
