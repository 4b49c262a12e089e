"""What the saved views show, and the bare address of the served pages."""

from importlib.metadata import entry_points

import pytest

from tests.support.toy_corpus import small
from tests.support.toy_studies import MlflowFixture
from tracking import schema
from tracking.backend.ui_app import open_page
from tracking.backend.views import APP_NAME, FOLDS, TRIALS, view_state


def shown(store: MlflowFixture, condition: str) -> list[str]:
    return sorted(run.info.run_name for run in store.client.search_runs([store.experiment], condition))


def test_a_reused_trial_is_one_row(store: MlflowFixture) -> None:
    first = store.write_trial(small(attention="none", epochs=2))
    again = store.write_trial(small(attention="none", epochs=2), study="second")
    assert shown(store, TRIALS.filter_string) == ["none · words"] * 2
    store.client.set_tag(again, schema.REUSED_FROM, first)
    assert shown(store, TRIALS.filter_string) == ["none · words"]
    store.client.set_tag(first, schema.SUPERSEDED, schema.SUPERSEDED_BY_NONE)
    assert shown(store, TRIALS.filter_string) == []


def test_scores_are_the_first_columns() -> None:
    assert view_state(TRIALS)["columnOrder"][:3] == [  # type: ignore[index]
        "metrics.`pooled_test_ua`",
        "metrics.`pooled_test_wa`",
        "metrics.`mean_validation_ua`",
    ]
    assert view_state(FOLDS)["columnOrder"][:3] == [  # type: ignore[index]
        "metrics.`test_ua`",
        "metrics.`test_wa`",
        "metrics.`validation_ua_selected`",
    ]


def test_the_page_is_opened_before_the_scripts_of_mlflow() -> None:
    index = open_page("<!doctype html><head><script defer src=main.js></script></head>", "#/</script>")
    assert index.index("location.hash") < index.index("main.js")
    assert "#/</script>" not in index
    assert r'"#/\u003c/script>"' in index
    with pytest.raises(ValueError, match="has no <head>"):
        open_page("<html></html>", "#/")


def test_mlflow_finds_the_app_by_its_name() -> None:
    (entry,) = entry_points(group="mlflow.app", name=APP_NAME)
    assert entry.value == "tracking.backend.ui_app:app"
