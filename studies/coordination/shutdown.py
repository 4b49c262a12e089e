"""How a study stops before its end: by an error, Ctrl-C or a request to terminate."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mlflow.exceptions import MlflowException

from ser.errors import SerError
from tracking.writing.recorder import Recorder


@contextmanager
def closing_runs_on_error(recorder: Recorder, confirm: Callable[[], None]) -> Iterator[None]:
    """Leaves no run open where the block ends by an error; the next start of the study goes on with them.

    Args:
        recorder: The study's recorder.
        confirm: Makes sure that the study is still held: open runs of a study that another coordinator has taken
            are that one's.
    """
    try:
        yield
    except BaseException as error:
        try:
            confirm()
            recorder.close_open_runs()
        except (SerError, MlflowException, OSError) as unreachable:
            # The tracking store itself may be what failed; the next start goes on with open runs as well.
            error.add_note(f"the study's runs could not be closed: {unreachable}")
        raise


@contextmanager
def sigterm_as_exit() -> Iterator[None]:
    """Turns SIGTERM, which batch systems send before SIGKILL, into an exit that closes what is open.

    Only the first one: a second one must not disturb the closing. For the main thread alone.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
