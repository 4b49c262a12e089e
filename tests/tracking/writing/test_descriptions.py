import re

import pytest

from ser.training.checkpoint import parse_result
from tests.support.scored_trials import grouped
from tests.support.toy_corpus import small
from tests.support.toy_studies import CORPUS, NONE, QUANTUM, MlflowFixture, baseline, trained, trial_result
from tracking.analysis.trial_result import TrialResult
from tracking.analysis.variants.choice import CHOICE_RULE, choose_variant
from tracking.analysis.variants.naming import trial_run_name
from tracking.analysis.variants.scores import score_variant
from tracking.writing import payloads
from tracking.writing.descriptions import MAX_CHARACTERS, failed_description, study_description, trial_description

HOSTILE = "<script>alert(1)</script> **b** [x](javascript:1) `c` | _d_ $e$"


def renamed(trial: TrialResult, name: str) -> TrialResult:
    """The trial with a fold and speakers of that name."""
    folds = tuple(
        result.model_copy(update={"fold": result.fold.model_copy(update={"name": name, "test_speakers": (name,)})})
        for result in trial.folds
    )
    return trial.model_copy(update={"folds": folds})


def cells(description: str) -> list[list[str]]:
    """Cells of the rows of the description's table; an escaped bar ends none."""
    rows_ = [line for line in description.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in rows_]


def test_a_trial_is_described_by_scores_folds_and_curves() -> None:
    trial = trial_result(NONE, "first", "abc")
    text = trial_description(trial, "7")
    scores = payloads.trial_scores(trial)
    assert text.splitlines()[0] == (
        f"**none · words**: test UA **{100 * scores['pooled_test_ua']:.1f}%**, "
        f"WA {100 * scores['pooled_test_wa']:.1f}%, pooled over 2 folds; "
        f"mean validation UA {100 * scores['mean_validation_ua']:.1f}%."
    )
    first = payloads.fold_scores(parse_result(trained(NONE, 0)))
    uas = [f"{100 * first[name]:.1f}%" for name in ("test_ua", "test_wa", "validation_ua_selected")]
    assert cells(text)[0] == ["f1", "f1", "m1", *uas]
    assert len(cells(text)) == 2
    assert "(#/experiments/7/runs?" in text
    assert "mlflow.parentRunId%22%20%3D%20%27abc%27" in text


def test_a_reused_trial_links_to_the_trained_trial() -> None:
    text = trial_description(trial_result(NONE, "second", "abc", reused="def"), "7")
    assert "(#/experiments/7/runs/def?workflowType=machine_learning)" in text
    assert "mlflow.parentRunId%22%20%3D%20%27def%27" in text


def test_hostile_names_of_speakers_come_out_as_text() -> None:
    text = trial_description(renamed(trial_result(NONE, "first", "abc"), HOSTILE), "7")
    assert "<" not in text
    assert "](javascript" not in re.sub(r"\\.", "", text)
    assert all(len(row) == 6 for row in cells(text))
    assert cells(text)[0][0] == cells(text)[0][1]
    assert r"\*\*b\*\*" in cells(text)[0][0]


def test_a_hostile_failure_reason_is_escaped_on_one_line() -> None:
    text = failed_description(f"fold {HOSTILE}: no memory\nTraceback\n  secret")
    assert "<script>" not in text
    assert "Traceback" not in text
    assert "no memory" in text


def test_a_long_description_loses_rows_and_keeps_its_links() -> None:
    text = trial_description(renamed(trial_result(NONE, "first", "abc"), "x" * 3000), "7")
    assert len(text) <= MAX_CHARACTERS
    assert len(cells(text)) == 1
    assert text.endswith(")")


def test_a_study_is_described_by_its_best_trial(store: MlflowFixture) -> None:
    runs = [store.write_trial(each) for each in (NONE, QUANTUM)]
    store.write_trial(small(attention="none", epochs=2, seed=2), folds=1)
    found = store.runs(ser__kind="trial")
    text = study_description("first", CORPUS.name, found, store.experiment)
    by_name = {run.info.run_id: run.data.metrics["mean_validation_ua"] for run in found if run.info.run_id in runs}
    order = sorted(runs, key=lambda run: by_name[run], reverse=True)
    assert [re.search(r"runs/(\w+)\?", row[0]).group(1) for row in cells(text)] == order  # type: ignore[union-attr]
    assert "2 of 3 trials of corpus made-up are complete" in text
    assert f"Best by validation: **{store.client.get_run(order[0]).info.run_name}**" in text


def test_a_study_the_report_and_models_choose_the_same(store: MlflowFixture) -> None:
    settings = (NONE, QUANTUM, small(attention="none", epochs=2, seed=2))
    for configuration in settings:
        store.write_trial(configuration)
    results = [trial_result(configuration, "first", "run") for configuration in settings]
    chosen = choose_variant([score_variant(variant) for variant in grouped(results)])
    assert chosen is not None
    text = study_description("first", CORPUS.name, store.runs(ser__kind="trial"), store.experiment)
    assert f"Best by validation: **{chosen.label}**, mean validation UA {100 * chosen.validation_ua:.1f}%" in text
    assert f"test UA {100 * chosen.scores.ua.mean:.1f}%" in text
    assert CHOICE_RULE in text


def test_a_study_without_complete_trials_is_described(store: MlflowFixture) -> None:
    text = study_description(HOSTILE, HOSTILE, [], store.experiment)
    assert text.startswith("0 of 0 trials of corpus &lt;script&gt;")
    assert "<" not in text


def test_descriptions_stand_on_the_runs_when_they_end(store: MlflowFixture) -> None:
    run = store.write_trial(NONE)
    recorder = store.recorder()
    study = recorder.ensure_study_run()
    recorder.record_baseline(study, baseline())
    recorder.finish_study(study, complete=True)
    notes = {each: store.client.get_run(each).data.tags["mlflow.note.content"] for each in (run, study)}
    assert notes[run] == trial_description(trial_result(NONE, "first", run), store.experiment)
    assert notes[study].startswith("Best by validation: **none · words**")


@pytest.mark.parametrize("end", ["fail_trial", "prune_trial"])
def test_a_failed_trial_is_described_until_it_is_retried(store: MlflowFixture, end: str) -> None:
    run = store.write_trial(NONE, folds=1)
    recorder = store.recorder()
    getattr(recorder, end)(run, "no <memory>")
    assert "no &lt;memory&gt;" in store.client.get_run(run).data.tags["mlflow.note.content"]
    store.write_trial(NONE, folds=1)
    assert "mlflow.note.content" not in store.client.get_run(run).data.tags


def test_another_seed_is_named() -> None:
    assert trial_run_name(NONE) == "none · words"
    assert trial_run_name(small(attention="none", epochs=2, seed=2)) == "none · words · seed 2"


@pytest.mark.parametrize("change", ["no attention", "no number of layers", "scope of another program"])
def test_a_trial_whose_tags_were_changed_is_not_chosen(store: MlflowFixture, change: str) -> None:
    store.write_trial(NONE)
    (run,) = store.runs(ser__kind="trial")
    if change == "no attention":
        del run.data.tags["ser.attention"]
    elif change == "no number of layers":
        run.data.params["layers"] = "two"
    else:
        run.data.tags["ser.scope"] = "wide"
    text = study_description("first", CORPUS.name, [run], store.experiment)
    assert text.startswith("0 of 1 trials of corpus ")
