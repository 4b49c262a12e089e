"""Fork server of the local executor: it has imported what a worker needs, and forks workers in milliseconds.

Importing torch is nearly all of a worker's start. The server does it once, for all workers and for those that
replace dead ones, and they share the memory that it takes. The server has no threads, no GPU context and
no data of a study, which a copy of the coordinator would have. It is started with the first worker, and ends
after the coordinator and all workers.
"""

import multiprocessing
import os
import tempfile
from multiprocessing import util
from pathlib import Path

from ser.errors import StudyError

_LONGEST_FOLDER = 107 - len("/pymp-12345678/listener-12345678")
"""Characters of the folder of temporary files, at most, for Linux's 107 of a socket's path."""

_SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")

FORKSERVER = multiprocessing.get_context("forkserver")
"""Context of worker processes and their pipes; start the first worker within `malloc_environment`."""

FORKSERVER.set_forkserver_preload(["studies.execution.worker"])


def use_short_socket_folder() -> None:
    """Let the fork server's sockets lie in another folder of temporary files where TMPDIR is too long for them.

    Job folders of clusters often are. To be called before the first worker starts; only sockets move.

    Raises:
        StudyError: No folder is short enough and can be written.
    """
    configured = tempfile.gettempdir()
    if len(configured) <= _LONGEST_FOLDER:
        return
    folder = next((folder for folder in _SHORT_FOLDERS if Path(folder).is_dir() and os.access(folder, os.W_OK)), None)
    if folder is None:
        raise StudyError(
            f"TMPDIR {configured} is too long for the sockets of workers: set it to a folder of at most "
            f"{_LONGEST_FOLDER} characters"
        )
    tempfile.tempdir = folder
    try:
        # Chosen once for the process, at the first call.
        util.get_temp_dir()
    finally:
        tempfile.tempdir = configured
