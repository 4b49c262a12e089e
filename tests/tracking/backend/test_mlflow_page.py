"""What `docs/mlflow.md` says of MLflow's pages: its filters, run for real, and the views that it names."""

import json
import re
from pathlib import Path

import pytest

from tests.support.toy_corpus import small
from tests.support.toy_studies import MlflowFixture, trial_id
from tracking.backend.views import VIEWS, install_saved_views

DOCUMENT = Path(__file__).parents[3] / "docs" / "mlflow.md"
WINDOWED = small(attention="component", scope=9, labels="phonemes", epochs=2)


def filters() -> list[str]:
    """The five filters, in the order of the questions."""
    return re.findall(r"```\n(tags\..*)\n```", DOCUMENT.read_text(encoding="utf-8"))


@pytest.fixture
def filled(store: MlflowFixture) -> MlflowFixture:
    """A finished study: a complete trial with a window, and a failed one without a window that lacks a fold."""
    store.write_trial(WINDOWED)
    recorder = store.recorder()
    recorder.fail_trial(store.write_trial(small(attention="none", epochs=2), folds=1), "no memory")
    recorder.finish_study(recorder.ensure_study_run(), complete=False)
    return store


def run_names(store: MlflowFixture, filter_string: str) -> list[str]:
    runs = store.client.search_runs([store.experiment], filter_string, order_by=["attributes.start_time"])
    return sorted(run.info.run_name for run in runs)


def test_every_filter_of_the_document_finds_what_it_says(filled: MlflowFixture) -> None:
    favoured, folds, speaker, failed, curves = filters()
    assert run_names(filled, favoured) == ["component · scope 9 · phonemes"]
    of_trial = [f"component · scope 9 · phonemes · fold {fold}" for fold in ("01 · f1", "02 · f2")]
    assert run_names(filled, folds) == of_trial
    assert run_names(filled, speaker.replace("'08'", "'f1'")) == [of_trial[0], "none · words · fold 01 · f1"]
    assert run_names(filled, speaker) == []
    assert run_names(filled, failed) == ["none · words"]
    (trial,) = filled.runs(ser__trial_id=trial_id(WINDOWED))
    assert run_names(filled, curves.replace("RUN_ID", trial.info.run_id)) == of_trial


def test_every_name_of_the_document_is_on_a_run(filled: MlflowFixture) -> None:
    rows = re.findall(r"^\| (`.*?) \| ([a-z, ]+) \|", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    runs = {kind: filled.runs(ser__kind=kind) for kind in ("study", "trial", "fold")}
    seen = 0
    for names, kinds in rows:
        for name in re.findall(r"`([^`]+)`", names):
            if name in ("ser.reused_from", "ser.reused_folds", "ser.superseded") or "logistic" in name:
                continue
            for kind in runs if kinds == "all" else kinds.split(", "):
                assert any(name in run.data.tags | run.data.metrics for run in runs[kind]), (name, kind)
                seen += 1
    assert seen > 30


def test_views_are_named_in_the_document_and_written_once(filled: MlflowFixture) -> None:
    tags = filled.client.get_experiment(filled.experiment).tags
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    for view in VIEWS:
        content = json.loads(tags[f"mlflow.sharedViewState.{view.key}"])
        assert content["name"] == view.name
        assert f"**{view.name}**" in text
        state = json.loads(content["state"])
        assert run_names(filled, state["searchFilter"])
        assert set(state["selectedColumns"]) == set(state["columnOrder"])
    before = dict(tags)
    install_saved_views(filled.client, filled.experiment)
    assert filled.client.get_experiment(filled.experiment).tags == before


def test_the_columns_of_a_view_are_on_its_runs(filled: MlflowFixture) -> None:
    for view in VIEWS:
        (first, *_) = filled.client.search_runs(
            [filled.experiment], f"{view.filter_string} and attributes.status = 'FINISHED'"
        )
        assert set(view.metrics) <= set(first.data.metrics)
        assert set(view.parameters) <= set(first.data.params)
