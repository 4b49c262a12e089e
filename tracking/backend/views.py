"""Views that MLflow's page of an experiment offers by name: which runs, in which order, with which columns.

MLflow sorts columns by name and shows none of ours unless asked to. A view is a tag of the experiment, as MLflow's own
'Save view' writes it: an envelope with a name, and the state of the page as JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from mlflow.tracking import MlflowClient

from tracking import schema
from tracking.backend.client import retry_once_on_conflict
from tracking.backend.mlflow_internals import saved_view_tag

_PARAMETERS = ("attention", "scope", "labels", "criterion", "seed")


@dataclass(frozen=True)
class SavedView:
    """A view of an experiment's runs.

    Attributes:
        key: Its key in the page's address, `viewStateShareKey`.
        name: Its name in MLflow's list of views.
        filter: Which runs it shows, in MLflow's filter language.
        order: Column that it is sorted by.
        descending: Whether the largest value comes first.
        metrics: Columns of metrics, in order.
        parameters: Columns of parameters, in order.
    """

    key: str
    name: str
    filter: str
    order: str
    descending: bool
    metrics: tuple[str, ...]
    parameters: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """What follows the address of the experiment; MLflow would open its pages for language models otherwise."""
        return f"runs?viewStateShareKey={self.key}&workflowType=machine_learning"


def _kind_filter(kind: schema.Kind) -> str:
    return f"tags.\"{schema.KIND}\" = '{kind}'"


TRIALS = SavedView(
    key="ser-trials",
    name="Trials, best validation first",
    filter=_kind_filter("trial"),
    order=f"metrics.`{schema.MEAN_VALIDATION_UA}`",
    descending=True,
    metrics=(
        schema.MEAN_VALIDATION_UA,
        schema.POOLED_UA,
        schema.POOLED_WA,
        schema.FOLD_SD_UA,
        schema.FOLDS,
        schema.FOLD_DURATION_S,
    ),
    parameters=_PARAMETERS,
)

FOLDS = SavedView(
    key="ser-folds",
    name="Folds, by name",
    filter=_kind_filter("fold"),
    # In any order but by time MLflow shows runs side by side; by time it hides folds below their trials.
    order="tags.`mlflow.runName`",
    descending=False,
    metrics=(schema.TEST_UA, schema.TEST_WA, schema.VALIDATION_UA, schema.FOLD_DURATION_S),
    parameters=_PARAMETERS,
)

VIEWS = (TRIALS, FOLDS)


def view_state(view: SavedView) -> dict[str, object]:
    """The state of MLflow's page that a view stands for."""
    columns = [f"metrics.`{name}`" for name in view.metrics] + [f"params.`{name}`" for name in view.parameters]
    return {
        "searchFilter": view.filter,
        "orderByKey": view.order,
        "orderByAsc": not view.descending,
        "selectedColumns": columns,
        "columnOrder": columns,
    }


def install_saved_views(client: MlflowClient, experiment: str) -> None:
    """Writes the views into an experiment; one that stands there already is left alone.

    Args:
        client: The tracking store.
        experiment: Id of the experiment.
    """
    tags: Mapping[str, str] = client.get_experiment(experiment).tags
    for index, view in enumerate(VIEWS):
        # The first view is the newest, which MLflow lists first.
        tag, content = saved_view_tag(view.key, view.name, view_state(view), time=len(VIEWS) - index)
        if tags.get(tag) != content:
            retry_once_on_conflict(partial(client.set_experiment_tag, experiment, tag, content))
