"""Conditions in MLflow's filter language, which knows no escapes: a text is quoted by what it does not contain."""

from collections.abc import Mapping

from mlflow.entities import Run, RunStatus, ViewType
from mlflow.tracking import MlflowClient

from ser.errors import ConfigurationError
from tracking import schema


def quote_value(text: str) -> str:
    """A text as a value in a filter.

    Args:
        text: Any text, such as the name of a study.

    Returns:
        It in single quotes, or in double ones where it has a single quote or a backslash at its end, which
        MLflow 3.17 would read together with the quote that closes it.

    Raises:
        ConfigurationError: MLflow has no words for it: neither kind of quotes would do.

    Examples:
        >>> print(quoted("emodb"), quoted("o'brien"))
        'emodb' "o'brien"
    """
    if "'" not in text and not text.endswith("\\"):
        return f"'{text}'"
    if '"' not in text:
        return f'"{text}"'
    raise ConfigurationError(
        f"MLflow cannot look for {text!r}: a name with a double quote may neither have a single one "
        "nor end in a backslash"
    )


def has_tags(tags: Mapping[str, str]) -> str:
    """The condition that a run has all the given tags.

    Args:
        tags: Tag to value.

    Raises:
        ConfigurationError: See `quoted`.
    """
    return " and ".join(f"tags.`{name}` = {quote_value(value)}" for name, value in tags.items())


_PAGE = 1000


RUNNING = "attributes.status = 'RUNNING'"
"""Filter of runs that are open."""


def search_runs(client: MlflowClient, experiment: str, filter_: str = "", /, **tags: str) -> list[Run]:
    """All runs with the given tags, in the order in which they were made.

    Args:
        client: The tracking store.
        experiment: Id of the experiment.
        filter_: A further condition in MLflow's own words, or none.
        **tags: Tag to value; in a name, a double underscore stands for the dot.

    Returns:
        Runs that are neither deleted nor superseded by another one.

    Raises:
        ConfigurationError: MLflow has no words for a value (`tracking.backend.queries.quoted`).
    """
    every = search_all_runs(client, experiment, filter_, **tags)
    return [run for run in every if schema.SUPERSEDED not in run.data.tags]


def search_all_runs(client: MlflowClient, experiment: str, filter_: str = "", /, **tags: str) -> list[Run]:
    """The same with the runs that others have superseded; see `find_runs`."""
    conditions = has_tags({name.replace("__", "."): value for name, value in tags.items()})
    wanted = " and ".join(condition for condition in (conditions, filter_) if condition)
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs([experiment], wanted, ViewType.ACTIVE_ONLY, _PAGE, ["attributes.start_time"], token)
        runs.extend(page)
        token = page.token
        if not token:
            return runs


def is_finished(run: Run) -> bool:
    """Whether a run was written to its end."""
    return str(run.info.status) == RunStatus.to_string(RunStatus.FINISHED)
