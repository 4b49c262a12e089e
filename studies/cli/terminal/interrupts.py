"""Ctrl-C at any moment of a command: one line, and exit code 130."""

import os
import signal
from types import FrameType

STOPPED = "Stopped. Run the same command to resume."

_STANDARD_ERROR = 2
_EXIT_CODE = 128 + signal.SIGINT


def exit_on_interrupt() -> None:
    """End the process at Ctrl-C, until `raise_on_interrupt`: while modules are imported nothing is there to be ended.

    An exception would pass through modules in the midst of their import, some of which turn it into another one.
    A process that is to ignore Ctrl-C, as one in the background of a script, goes on ignoring it.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit)


def raise_on_interrupt() -> None:
    """Raise `KeyboardInterrupt` at Ctrl-C again, so that whatever runs is ended in order."""
    if signal.getsignal(signal.SIGINT) is _exit:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _exit(signal_number: int, frame: FrameType | None) -> None:
    os.write(_STANDARD_ERROR, f"{STOPPED}\n".encode())
    os._exit(_EXIT_CODE)
