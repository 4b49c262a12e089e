"""State of a data directory's databases: studies and runs, with the kind and version of each database."""

from collections.abc import Callable
from pathlib import Path

from ser.errors import StudyError
from studies.search.summaries import list_studies
from studies.storages.artifact_locations import hold_artifact_locations
from studies.storages.home import Home
from studies.storages.lock_file import lock_owner
from tracking.backend.client import connect, describe_store, upgrade_store
from tracking.backend.errors import redact_password
from tracking.results.store import ResultStore

MISSING = "missing: 'ser storage init' or the first study creates it"


def create_storages(home: Home, notify: Callable[[str], None]) -> None:
    """Create the databases that are missing; existing ones do not change.

    Args:
        home: The data directory.
        notify: Called with one line where the directory has moved.

    Raises:
        StorageError: A database cannot be used; `UnavailableError` if it is unavailable now.
    """
    home.storage.open()
    with hold_artifact_locations(home, notify):
        connect(home.tracking_uri_or_path)


def upgrade_storages(home: Home) -> list[str]:
    """Migrate databases that older versions of Optuna and MLflow have written, after a copy of each.

    Returns:
        One line for each database.

    Raises:
        StudyError: A study runs, whose coordinator uses them.
        StorageError: A database cannot be migrated.
    """
    for lock in sorted((home.root / "locks").glob("*.lock")):
        if (owner := lock_owner(lock)) is not None:
            raise StudyError(f"study {lock.stem} is running ({owner}); wait for it or stop it before the upgrade")
    copies = (
        (home.storage.title, home.storage.upgrade()),
        (_runs_title(home), upgrade_store(home.tracking_uri_or_path)),
    )
    return [
        f"{title}: " + ("nothing to migrate" if copy is None else f"migrated; its copy is {copy}")
        for title, copy in copies
    ]


def describe_storages(home: Home) -> list[tuple[str, str]]:
    """Describe both databases and the results; nothing is created or changed.

    Raises:
        StorageError: A database cannot be used; `UnavailableError` if it is unavailable now.
    """
    results = f"{len(ResultStore(home.results).identities())} folds on disk"
    return [*_describe_studies(home), *_describe_runs(home), ("results", results)]


def _describe_studies(home: Home) -> list[tuple[str, str]]:
    rows = [("studies", home.storage.title)]
    if not home.storage.exists():
        return [*rows, ("", MISSING)]
    storage = home.storage.open()
    rows.append(("schema", storage.get_current_version()))
    rows += home.storage.describe()
    names = [study.name for study in list_studies(home.storage)]
    rows.append(("number of studies", str(len(names))))
    owners = {name: home.storage.lease_owner(name) for name in names}
    return rows + [("running", f"{name}, by {owner}") for name, owner in owners.items() if owner is not None]


def _describe_runs(home: Home) -> list[tuple[str, str]]:
    location = home.tracking_uri_or_path
    missing = isinstance(location, Path) and not location.exists()
    return [("runs", _runs_title(home)), *([("", MISSING)] if missing else describe_store(location))]


def _runs_title(home: Home) -> str:
    location = home.tracking_uri_or_path
    return f"MLflow server {redact_password(location)}" if isinstance(location, str) else f"SQLite {location}"
