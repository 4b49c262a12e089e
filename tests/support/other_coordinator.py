"""Another process that holds the lease of a study and does nothing."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HOLD = (
    "import sys, time; from pathlib import Path; from studies.storages import storage_at\n"
    "with storage_at(sys.argv[1] or None, Path(sys.argv[2])).acquire_lease(sys.argv[3]):\n"
    "    print('held', flush=True); time.sleep(60)"
)


@contextmanager
def other_coordinator(named: tuple[str | None, Path], study: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Hold a study's lease in another process while the block runs.

    Args:
        named: Arguments of `storage_at`.
        study: Name of the study.
    """
    command = [sys.executable, "-c", _HOLD, named[0] or "", str(named[1]), study]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()
