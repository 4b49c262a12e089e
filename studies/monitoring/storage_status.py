"""What a look at the databases of a home finds: studies and runs, each with its kind, version and state."""

from pathlib import Path

from studies.search.summaries import list_studies
from studies.storages.home import Home
from tracking.backend.client import describe_store
from tracking.backend.errors import redact_password

NOT_MADE = "not made yet: ser storage init, or the first study, makes it"


def make_storages(home: Home) -> None:
    """Makes both databases where they are missing, and changes nothing where they are there.

    Args:
        home: Where everything is kept.

    Raises:
        StorageError: One of them cannot be used; `UnavailableError` where it cannot be reached now.
    """
    from tracking.backend.client import connect

    home.storage.open()
    connect(home.tracking_uri_or_path)


def storage_findings(home: Home) -> list[tuple[str, str]]:
    """Names and values, in order; nothing is made or changed.

    Args:
        home: Where everything is kept.

    Raises:
        StorageError: One of the databases cannot be used; `UnavailableError` where it cannot be reached now.
    """
    found = [("studies", home.storage.title)]
    if not home.storage.exists():
        found.append(("", NOT_MADE))
    else:
        storage = home.storage.open()
        schema, newest = storage.get_current_version(), storage.get_head_version()
        found.append(("schema", schema if schema == newest else f"{schema}, and the program's is {newest}"))
        found += home.storage.describe()
        names = [each.name for each in list_studies(home.storage)]
        found.append(("number of studies", str(len(names))))
        holders = {name: home.storage.lease_owner(name) for name in names}
        found += [("run now", f"{name}, by {by}") for name, by in holders.items() if by is not None]
    where = home.tracking_uri_or_path
    found.append(("runs", f"MLflow server {redact_password(where)}" if isinstance(where, str) else f"SQLite {where}"))
    if isinstance(where, Path) and not where.is_file():
        found.append(("", NOT_MADE))
    else:
        found += describe_store(where)
    waiting = sum(1 for _ in home.outbox.glob("*.safetensors"))
    found.append(("outbox", f"{waiting} results wait to be written" if waiting else "empty"))
    return found
