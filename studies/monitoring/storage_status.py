"""What a look at the databases of a home finds: studies and runs, each with its kind, version and state."""

from pathlib import Path

from studies.search.summaries import summaries
from studies.storages.home import Home
from tracking.backend.client import tracking_details
from tracking.backend.errors import without_password

NOT_MADE = "not made yet: ser storage init, or the first study, makes it"


def make_storages(home: Home) -> None:
    """Makes both databases where they are missing, and changes nothing where they are there.

    Args:
        home: Where everything is kept.

    Raises:
        StorageError: One of them cannot be used; `AwayError` where it cannot be reached now.
    """
    from tracking.backend.client import open_tracking

    home.storage.open()
    open_tracking(home.tracking)


def storage_findings(home: Home) -> list[tuple[str, str]]:
    """Names and values, in order; nothing is made or changed.

    Args:
        home: Where everything is kept.

    Raises:
        StorageError: One of the databases cannot be used; `AwayError` where it cannot be reached now.
    """
    found = [("studies", home.storage.title)]
    if not home.storage.exists():
        found.append(("", NOT_MADE))
    else:
        storage = home.storage.open()
        schema, newest = storage.get_current_version(), storage.get_head_version()
        found.append(("schema", schema if schema == newest else f"{schema}, and the program's is {newest}"))
        found += home.storage.details()
        names = [each.name for each in summaries(home.storage)]
        found.append(("number of studies", str(len(names))))
        holders = {name: home.storage.holder(name) for name in names}
        found += [("run now", f"{name}, by {by}") for name, by in holders.items() if by is not None]
    where = home.tracking
    found.append(("runs", f"MLflow server {without_password(where)}" if isinstance(where, str) else f"SQLite {where}"))
    if isinstance(where, Path) and not where.is_file():
        found.append(("", NOT_MADE))
    else:
        found += tracking_details(where)
    waiting = sum(1 for _ in home.outbox.glob("*.safetensors"))
    found.append(("outbox", f"{waiting} results wait to be written" if waiting else "empty"))
    return found
