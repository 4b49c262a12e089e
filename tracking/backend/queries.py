"""Search for runs, and their conditions in MLflow's filter language, which has no escapes."""

from collections.abc import Mapping

from mlflow.entities import Run, RunStatus, ViewType
from mlflow.tracking import MlflowClient

from ser.errors import ConfigurationError
from tracking import schema


def is_quotable(text: str) -> bool:
    """Check that a text can be a value in a filter; see `quote_value`."""
    return ("'" not in text and not text.endswith("\\")) or '"' not in text


def quote_value(text: str) -> str:
    """Quote a text as a value in a filter.

    Args:
        text: Any text, such as the name of a study.

    Returns:
        The text in single quotes, or in double quotes where it has a single quote or ends in a backslash, which
        MLflow 3.17 would read as an escape of the closing quote.

    Raises:
        ConfigurationError: Neither kind of quotes works.

    Examples:
        >>> print(quote_value("emodb"), quote_value("o'brien"))
        'emodb' "o'brien"
    """
    if "'" not in text and not text.endswith("\\"):
        return f"'{text}'"
    if '"' not in text:
        return f'"{text}"'
    raise ConfigurationError(
        f"MLflow cannot search for {text!r}: a name with a double quote must neither contain a single quote "
        "nor end in a backslash"
    )


def has_tags(tags: Mapping[str, str]) -> str:
    """Build the condition that a run has all the given tags.

    Raises:
        ConfigurationError: A value cannot be quoted; see `quote_value`.
    """
    return " and ".join(f"tags.`{name}` = {quote_value(value)}" for name, value in tags.items())


_PAGE_SIZE = 1000

RUNNING = "attributes.status = 'RUNNING'"
"""Condition that a run is open."""

FINISHED = "attributes.status = 'FINISHED'"
"""Condition that a run is complete."""


def search_runs(client: MlflowClient, experiment: str, condition: str = "", /, **tags: str) -> list[Run]:
    """Search for runs with the given tags.

    Args:
        client: The tracking store.
        experiment: Id of the experiment.
        condition: A further condition in MLflow's filter language, or none.
        **tags: Tag to value; in a name, a double underscore stands for the dot.

    Returns:
        Runs that are neither deleted nor superseded, oldest first.
    """
    runs = search_all_runs(client, experiment, condition, **tags)
    return [run for run in runs if schema.SUPERSEDED not in run.data.tags]


def search_all_runs(client: MlflowClient, experiment: str, condition: str = "", /, **tags: str) -> list[Run]:
    """Search for runs as `search_runs` does, superseded ones included."""
    values = {name.replace("__", "."): value for name, value in tags.items()}
    tag_condition = has_tags({name: value for name, value in values.items() if is_quotable(value)})
    filter_string = " and ".join(text for text in (tag_condition, condition) if text)
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment], filter_string, ViewType.ACTIVE_ONLY, _PAGE_SIZE, ["attributes.start_time"], token
        )
        # MLflow does not compare the values that cannot be quoted.
        runs.extend(run for run in page if values.items() <= run.data.tags.items())
        token = page.token
        if not token:
            return runs


def is_finished(run: Run) -> bool:
    """Check that a run is complete: its status is FINISHED."""
    return str(run.info.status) == RunStatus.to_string(RunStatus.FINISHED)


def is_open(run: Run) -> bool:
    """Check that a run has not ended: its status is RUNNING or SCHEDULED."""
    return str(run.info.status) in (RunStatus.to_string(RunStatus.RUNNING), RunStatus.to_string(RunStatus.SCHEDULED))
