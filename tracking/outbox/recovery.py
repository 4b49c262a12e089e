"""Finding results again whose runs are gone, such as after MLflow's database was deleted and its artifacts stayed."""

from collections.abc import Callable, Set
from pathlib import Path

from ser.errors import SerError
from ser.training.checkpoint import read_result
from tracking import schema
from tracking.outbox.outbox import Outbox


def recover_from_artifacts(
    artifacts: Path, wanted: Set[str], outbox: Outbox, progress: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Copies trained folds from artifacts to the outbox, from which their runs are written again.

    Args:
        artifacts: Folder of an experiment's artifacts, on this machine; need not exist.
        wanted: Identities of the folds that lack a run.
        outbox: Where results wait.
        progress: Called with the files read and their number.

    Returns:
        Number of folds found.
    """
    missing = set(wanted) - set(outbox.pending())
    files = sorted(artifacts.glob(f"*/artifacts/{schema.TRAINED_FOLD}"))
    found = 0
    for number, path in enumerate(files, start=1):
        try:
            identity = read_result(path).identity
        except SerError:
            # Cut short by a kill or of another version: its fold is trained again.
            identity = ""
        if identity in missing:
            outbox.put(identity, path.read_bytes())
            missing.remove(identity)
            found += 1
        progress(number, len(files))
    return found
