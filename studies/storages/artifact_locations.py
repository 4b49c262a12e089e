"""Artifacts of runs where the data directory is: MLflow records absolute paths, which change when it moves.

A directory that was copied or moved is recorded in its former place. The first command that writes runs corrects that.
It needs the directory for itself, since the same directory may have another path in a container: a study that
runs there writes where MLflow's database says.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ser.errors import UnavailableError
from ser.files import file_lock
from studies.storages.home import Home
from tracking.backend.local_database import find_former_folders, relocate_artifacts
from tracking.backend.read_only_files import is_read_only

_ATTEMPTS = 25
_PAUSE_S = 0.04


@contextmanager
def hold_artifact_locations(home: Home, notify: Callable[[str], None]) -> Iterator[None]:
    """Let MLflow's runs refer to the directory's artifacts where they are now, and keep that so while the block runs.

    Nothing is read or changed in the former place. The runs of a tracking server are left as they are, and so
    is a directory that can only be read.

    Args:
        home: The data directory.
        notify: Called with one line where the directory has moved.

    Raises:
        UnavailableError: A process writes to the same directory under its former path.
        StorageError: MLflow's database cannot be used.
    """
    database = home.tracking_uri_or_path
    if isinstance(database, str) or is_read_only(database):
        yield
        return
    lock = home.lock("artifact-locations")
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    for _ in range(_ATTEMPTS):
        with file_lock(lock, shared=True):
            former = find_former_folders(database, home.artifacts)
            if not former:
                yield
                return
        _relocate_if_unused(lock, database, home.artifacts, notify)
    raise UnavailableError(
        f"{home.root}: another process writes to this data directory under its former path, {former[0].parent} "
        "(such as a study in a container; see: ser study list); wait for it or stop it"
    )


def _relocate_if_unused(lock: Path, database: Path, artifacts: Path, notify: Callable[[str], None]) -> None:
    """Correct the recorded places, unless another process needs them or does so now."""
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(lock, blocking=False))
        except BlockingIOError:
            time.sleep(_PAUSE_S)
            return
        for folder in relocate_artifacts(database, artifacts):
            notify(
                f"this data directory was moved or copied: MLflow now finds its artifacts in {artifacts.resolve()}, "
                f"no longer in {folder}"
            )
