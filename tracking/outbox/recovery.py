"""Result files among local artifacts, which outlive MLflow's database."""

from collections.abc import Callable, Collection
from pathlib import Path

from ser.errors import SerError
from ser.training.checkpoint import read_result
from tracking import schema


def find_results(
    artifacts: Path,
    missing_identities: Collection[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Path]:
    """Find the results of folds in a folder of artifacts.

    Args:
        artifacts: Folder of an experiment's artifacts, on this machine; need not exist.
        missing_identities: Identities of the folds to find.
        progress: Called with the files read and their number.

    Returns:
        Their files, by fold identity.
    """
    files = sorted(artifacts.glob(f"*/artifacts/{schema.TRAINED_FOLD}"))
    results: dict[str, Path] = {}
    for number, path in enumerate(files, start=1):
        try:
            identity = read_result(path).identity
        except SerError:
            # Cut short by a kill, or of another version: its fold is trained again.
            identity = ""
        if identity in missing_identities:
            results.setdefault(identity, path)
        progress(number, len(files))
    return results
