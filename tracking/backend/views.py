"""Saved views for the MLflow UI: runs to show, their order, and columns.

Without a view MLflow shows none of our metrics, and sorts columns by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from mlflow.tracking import MlflowClient

from tracking import schema
from tracking.backend.client import retry_once_on_conflict
from tracking.backend.mlflow_internals import saved_view_tag
from tracking.backend.queries import quote_value

START_PAGE_VARIABLE = "SER_UI_PAGE"
"""Environment variable of the served page that the bare address opens, as the fragment of its address."""

APP_NAME = "ser-studies"
"""Name of MLflow's app that opens it: an entry point in `pyproject.toml`."""

_PARAMETERS = ("attention", "scope", "labels", "criterion", "seed")


@dataclass(frozen=True)
class SavedView:
    """View of an experiment's runs.

    Attributes:
        key: Key in the page's address, `viewStateShareKey`.
        name: Name in MLflow's list of views.
        filter_string: Condition of the runs that it shows, in MLflow's filter language.
        order: Column to sort by.
        descending: True to show the largest value first.
        metrics: Columns of metrics, in order.
        parameters: Columns of parameters, in order.
    """

    key: str
    name: str
    filter_string: str
    order: str
    descending: bool
    metrics: tuple[str, ...]
    parameters: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Address relative to the experiment's; without the type MLflow would open its pages for language models."""
        return f"runs?viewStateShareKey={self.key}&workflowType=machine_learning"


def _shown_runs(kind: schema.Kind) -> str:
    """Return the condition of runs of a kind that count; a trial that other studies reused is one row."""
    tagged = [f'tags."{name}" IS NULL' for name in (schema.SUPERSEDED, schema.REUSED_FROM)]
    return " and ".join([f'tags."{schema.KIND}" = {quote_value(kind)}', *tagged])


TRIALS = SavedView(
    key="ser-trials",
    name="Trials, best validation first",
    filter_string=_shown_runs("trial"),
    order=f"metrics.`{schema.MEAN_VALIDATION_UA}`",
    descending=True,
    metrics=(
        schema.POOLED_UA,
        schema.POOLED_WA,
        schema.MEAN_VALIDATION_UA,
        schema.FOLD_SD_UA,
        schema.FOLDS,
        schema.FOLD_DURATION_S,
    ),
    parameters=_PARAMETERS,
)

FOLDS = SavedView(
    key="ser-folds",
    name="Folds, by name",
    filter_string=_shown_runs("fold"),
    # In any order but by time MLflow shows runs side by side; by time it hides folds below their trials.
    order="tags.`mlflow.runName`",
    descending=False,
    metrics=(schema.TEST_UA, schema.TEST_WA, schema.VALIDATION_UA, schema.FOLD_DURATION_S),
    parameters=_PARAMETERS,
)

VIEWS = (TRIALS, FOLDS)


def view_state(view: SavedView) -> dict[str, object]:
    """Build the state of MLflow's page that shows a view."""
    columns = [f"metrics.`{name}`" for name in view.metrics] + [f"params.`{name}`" for name in view.parameters]
    return {
        "searchFilter": view.filter_string,
        "orderByKey": view.order,
        "orderByAsc": not view.descending,
        "selectedColumns": columns,
        "columnOrder": columns,
    }


def install_saved_views(client: MlflowClient, experiment: str) -> None:
    """Save the views in an experiment; a view that has not changed is not written again."""
    tags: Mapping[str, str] = client.get_experiment(experiment).tags
    for index, view in enumerate(VIEWS):
        # The first view is the newest, which MLflow lists first.
        tag, content = saved_view_tag(view.key, view.name, view_state(view), time=len(VIEWS) - index)
        if tags.get(tag) != content:
            retry_once_on_conflict(partial(client.set_experiment_tag, experiment, tag, content))
