import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from ser.config import FoldConfiguration
from ser.devices import cpu_name
from ser.results import FoldResult
from ser.training.checkpoint import StoredFold, deserialize_fold, parse_result, serialize_fold
from tests.support.toy_studies import (
    CORPUS,
    NONE,
    QUANTUM,
    SCHEME,
    MlflowFixture,
    baseline,
    corpus_with_a_bad_file,
    inputs_of,
    stored,
    trained,
    trial_id,
    trial_result,
)
from tracking.backend.artifacts import Artifacts
from tracking.results.fetching import download_baselines
from tracking.writing import payloads
from tracking.writing.recorder import Recorder


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code catches it."""


def write_everything(store: MlflowFixture) -> None:
    """A study of two trials, all of it."""
    recorder = store.recorder(attention="none", root="/corpora/toy")
    study = recorder.ensure_study_run()
    for configuration in (NONE, QUANTUM):
        trial = recorder.ensure_trial_run(study, trial_id(configuration), configuration)
        for fold in SCHEME:
            recorder.log_fold(trial, stored(configuration, fold.index))
        recorder.finish_trial(trial, trial_result(configuration, "first", trial), {})
    recorder.record_baseline(study, baseline())
    recorder.finish_study(study, complete=True)


def children(store: MlflowFixture, kind: str) -> dict[str, list[str]]:
    """Names of the runs of a kind, by the name of their parent."""
    names = {run.info.run_id: run.info.run_name for run in store.runs()}
    groups: dict[str, list[str]] = {}
    for run in store.runs(ser__kind=kind):
        groups.setdefault(names[run.data.tags["mlflow.parentRunId"]], []).append(run.info.run_name)
    return {parent: sorted(group) for parent, group in groups.items()}


def test_a_study_is_a_tree_of_finished_runs(store: MlflowFixture) -> None:
    write_everything(store)
    assert [run.info.run_name for run in store.runs(ser__kind="study")] == ["first"]
    trials = children(store, "trial")
    assert list(trials) == ["first"]
    assert len(trials["first"]) == 2
    folds = {trial: [f"{trial} · fold 01 · f1", f"{trial} · fold 02 · f2"] for trial in trials["first"]}
    assert children(store, "fold") == folds
    assert {run.info.status for run in store.runs()} == {"FINISHED"}


def test_writing_everything_again_changes_nothing(store: MlflowFixture) -> None:
    write_everything(store)
    before = store.snapshot()
    assert len(before) == 7
    write_everything(store)
    assert store.snapshot() == before


def test_a_fold_carries_scores_curve_predictions_and_weights(store: MlflowFixture) -> None:
    store.write_trial(NONE, folds=1)
    (run,) = store.runs(ser__kind="fold")
    trained_fold = deserialize_fold(trained(NONE, 0))
    result = trained_fold.result
    metrics = run.data.metrics
    assert metrics["test_ua"] == pytest.approx(balanced_accuracy_score(result.test.actual, result.test.predicted))
    assert metrics["test_wa"] == pytest.approx(accuracy_score(result.test.actual, result.test.predicted))
    validation = result.validation
    expected = balanced_accuracy_score(validation.actual, validation.predicted)
    assert metrics["validation_ua_selected"] == pytest.approx(expected)
    curve = [(record.epoch, record.values["training_loss"], record.ended_ms) for record in result.curve]
    assert store.history(run, "training_loss") == curve
    assert (run.info.start_time, run.info.end_time) == (result.started_ms, result.ended_ms)
    assert run.data.params == payloads.log_params(NONE)
    assert run.data.params["scope"] == "null"
    assert run.data.params["features.mel_bands"] == "5"
    folder = store.folder / "artifacts" / CORPUS.name / run.info.run_id / "artifacts"
    names = ["confusion.csv", "confusion.svg", "fold.safetensors", "predictions.csv"]
    assert sorted(path.name for path in folder.iterdir()) == names
    stored_fold = deserialize_fold((folder / "fold.safetensors").read_bytes())
    assert stored_fold.result == result
    assert all(np.array_equal(stored_fold.weights[name], weight) for name, weight in trained_fold.weights.items())
    assert (folder / "confusion.svg").read_text().startswith("<svg ")


def test_runs_can_be_found_and_traced_by_their_tags(store: MlflowFixture) -> None:
    store.write_trial(QUANTUM)
    tags = {run.data.tags["ser.kind"]: run.data.tags for run in store.runs()}
    for run_tags in tags.values():
        assert run_tags["ser.synthetic_speech"] == "false"
        assert run_tags["ser.study"] == "first"
        assert run_tags["ser.recipe"] == "quick"
        assert run_tags["ser.corpus"] == CORPUS.name
        assert run_tags["ser.corpus_digest"] == CORPUS.digest
        assert run_tags["ser.fold_scheme"] == SCHEME[0].scheme
        assert run_tags["ser.git_commit"] == "abc"
    assert tags["trial"]["ser.attention"] == tags["fold"]["ser.attention"] == "quantum"
    assert tags["trial"]["ser.trial_id"] == trial_id(QUANTUM)
    assert tags["fold"]["ser.fold_identity"] == parse_result(trained(QUANTUM, 1)).identity
    # The one that computed the fold; the study's context names none here.
    assert tags["fold"]["ser.processor"] == cpu_name()
    assert tags["trial"]["ser.processor"] == cpu_name()
    assert "ser.scope" not in tags["trial"]
    assert all(inputs_of(run) == [(CORPUS.name, CORPUS.digest)] for run in store.runs())


def test_runs_name_all_the_processors_that_computed_them(store: MlflowFixture) -> None:
    recorder = store.recorder()
    study = recorder.ensure_study_run()
    for configuration, second in ((NONE, "another one"), (QUANTUM, cpu_name())):
        trial = recorder.ensure_trial_run(study, trial_id(configuration), configuration)
        result = trial_result(configuration, "first", trial)
        elsewhere = result.folds[1].model_copy(update={"environment": {"device": second}})
        folds = (result.folds[0], elsewhere)
        recorder.finish_trial(trial, result.model_copy(update={"folds": folds}), {})
    recorder.finish_study(study, complete=True)
    both = " | ".join(sorted(("another one", cpu_name())))
    differing, same = (store.runs(ser__kind="trial", ser__attention=name)[0].data.tags for name in ("none", "quantum"))
    assert (differing["ser.processor"], same["ser.processor"]) == (both, cpu_name())
    assert store.client.get_run(study).data.tags["ser.processor"] == both
    assert "Computed on different devices: " in differing["mlflow.note.content"]
    assert "another one" in differing["mlflow.note.content"]
    assert "different devices" not in same["mlflow.note.content"]


def test_a_trial_carries_all_that_an_analysis_needs(store: MlflowFixture) -> None:
    run_id = store.write_trial(NONE)
    run = store.client.get_run(run_id)
    folds = [parse_result(trained(NONE, fold.index)) for fold in SCHEME]
    actual = [k for fold in folds for k in fold.test.actual]
    predicted = [k for fold in folds for k in fold.test.predicted]
    uas = [balanced_accuracy_score(fold.test.actual, fold.test.predicted) for fold in folds]
    validation = [balanced_accuracy_score(fold.validation.actual, fold.validation.predicted) for fold in folds]
    metrics = run.data.metrics
    assert metrics["pooled_test_ua"] == pytest.approx(balanced_accuracy_score(actual, predicted))
    assert metrics["pooled_test_wa"] == pytest.approx(accuracy_score(actual, predicted))
    assert metrics["fold_mean_test_ua"] == pytest.approx(np.mean(uas))
    assert metrics["fold_sd_test_ua"] == pytest.approx(np.std(uas, ddof=1))
    assert metrics["mean_validation_ua"] == pytest.approx(np.mean(validation))
    assert metrics["folds"] == 2


def test_the_study_run_lists_what_was_skipped_and_its_options(store: MlflowFixture) -> None:
    run_id = store.recorder(corpus=corpus_with_a_bad_file(), attention="quantum").ensure_study_run()
    skipped = store.folder / "artifacts" / CORPUS.name / run_id / "artifacts" / "skipped.json"
    expected = {"skipped": [{"name": "f1-x", "reason": "f1-x.wav: cannot be decoded"}], "notes": ["a note"]}
    assert json.loads(skipped.read_text()) == expected
    assert store.client.get_run(run_id).data.params == {"attention": "quantum"}


def test_the_same_corpus_in_another_folder_is_the_same_study(store: MlflowFixture) -> None:
    first = store.recorder(root="/corpora/toy").ensure_study_run()
    assert store.recorder(root="/elsewhere/toy", recipe="new").ensure_study_run() == first
    assert store.client.get_run(first).data.params == {"root": "/corpora/toy", "recipe": "new"}


def test_what_differs_between_homes_is_a_tag_of_each(store: MlflowFixture) -> None:
    contexts = [replace(store.context("a"), home_tags={f"ser.home.{home}": f"/{home}"}) for home in ("one", "two")]
    lock = store.folder / "recording.lock"
    recorders = [Recorder(store.client, store.experiment, context, lock, shared=True) for context in contexts]
    (run_id,) = {recorder.ensure_study_run() for recorder in recorders}
    tags = store.client.get_run(run_id).data.tags
    assert (tags["ser.home.one"], tags["ser.home.two"]) == ("/one", "/two")


def test_homes_that_write_options_at_once_do_not_stop(store: MlflowFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    store.shared = True
    first = store.recorder(trials="50").ensure_study_run()
    before = store.client.get_run(first)
    for param in list(before.data.params):
        del before.data.params[param]
    # The second home read the run before the first one wrote.
    monkeypatch.setattr("tracking.writing.recorder.search_runs", lambda *_, **__: [before])
    assert store.recorder(trials="60", pruner="none").ensure_study_run() == first
    assert store.client.get_run(first).data.params == {"trials": "50", "pruner": "none"}


def test_no_run_ends_before_it_starts(store: MlflowFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write_trial(NONE)
    recorder = store.recorder()
    study = recorder.ensure_study_run()
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    recorder.finish_study(study, complete=True)
    assert [run.info.run_name for run in store.runs() if run.info.end_time < run.info.start_time] == []


def test_the_baseline_stands_on_the_study_run(store: MlflowFixture) -> None:
    recorder = store.recorder()
    study = recorder.ensure_study_run()
    recorder.record_baseline(study, baseline())
    assert store.client.get_run(study).data.metrics["logistic_regression_pooled_test_ua"] == pytest.approx(0.5)
    assert not recorder.study_is_finished(study)
    recorder.finish_study(study, complete=False)
    assert store.client.get_run(study).info.status == "FAILED"
    assert recorder.ensure_study_run() == study
    assert store.client.get_run(study).info.status == "RUNNING"
    recorder.finish_study(study, complete=True)
    assert recorder.study_is_finished(study)


def test_new_baselines_join_those_of_a_finished_study(store: MlflowFixture) -> None:
    recorder = store.recorder()
    study = recorder.ensure_study_run()
    others = [baseline().model_copy(update={"functionals": name}) for name in ("functionals", "eGeMAPSv02")]
    recorder.record_baseline(study, baseline(), others)
    recorder.finish_study(study, complete=True)
    worse = baseline().tests[1]
    chosen = [former.model_copy(update={"inverse_penalties": (0.1, 1.0)}) for former in (baseline(), others[0])]
    recorder.record_baseline(study, chosen[0].model_copy(update={"tests": (worse, worse)}), [chosen[1]])
    run = store.client.get_run(study)
    assert run.data.metrics["logistic_regression_pooled_test_ua"] == 0
    first, *recorded = download_baselines(store.client, run)
    assert (first.inverse_penalties, recorded) == ((0.1, 1.0), [chosen[1], others[1]])
    assert recorder.study_is_finished(study)


def test_a_failed_trial_says_why_until_it_is_tried_again(store: MlflowFixture) -> None:
    recorder = store.recorder()
    study = recorder.ensure_study_run()
    trial = recorder.ensure_trial_run(study, trial_id(NONE), NONE)
    recorder.fail_trial(trial, "fold f1: no memory\n" + "x" * 9000)
    run = store.client.get_run(trial)
    assert run.info.status == "FAILED"
    assert run.data.tags["ser.failure"].startswith("fold f1: no memory")
    assert recorder.ensure_trial_run(study, trial_id(NONE), NONE) == trial
    run = store.client.get_run(trial)
    assert run.info.status == "RUNNING"
    assert "ser.failure" not in run.data.tags


def test_a_fold_is_found_by_its_identity_in_another_study(store: MlflowFixture) -> None:
    store.write_trial(NONE, study="first", folds=1)
    (written,) = store.runs(ser__kind="fold")
    recorder = store.recorder("second")
    trial = recorder.ensure_trial_run(recorder.ensure_study_run(), trial_id(NONE), NONE)
    fold_run = recorder.log_fold(trial, stored(NONE, 0))
    assert fold_run.info.run_id == written.info.run_id
    assert fold_run.data.tags["ser.study"] == "first"
    assert len(store.runs(ser__kind="fold")) == 1


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (MlflowClient, "log_inputs"),
        (MlflowClient, "log_batch"),
        (Artifacts, "log"),
        (MlflowClient, "set_terminated"),
    ],
)
def test_a_half_written_fold_is_completed_and_not_duplicated(
    store: MlflowFixture, tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch, owner: type, step: str
) -> None:
    def killed(*arguments: object, **others: object) -> None:
        raise Killed

    recorder = store.recorder()
    trial = recorder.ensure_trial_run(recorder.ensure_study_run(), trial_id(NONE), NONE)
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, killed)
        with pytest.raises(Killed):
            recorder.log_fold(trial, stored(NONE, 0))
    (half,) = store.runs(ser__kind="fold")
    assert half.info.status == "RUNNING"
    MlflowFixture(tmp_path, empty_store).recorder().log_fold(trial, stored(NONE, 0))
    (complete,) = store.runs(ser__kind="fold")
    assert complete.info.run_id == half.info.run_id
    undisturbed = MlflowFixture(tmp_path / "undisturbed", empty_store)
    undisturbed.write_trial(NONE, folds=1)
    assert store.snapshot() == undisturbed.snapshot()


@pytest.mark.parametrize("step", ["log_inputs", "log_batch"])
def test_the_head_of_a_run_is_completed_after_a_kill(
    store: MlflowFixture, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*arguments: object, **others: object) -> None:
        raise Killed

    def begin() -> None:
        recorder = store.recorder(attention="none")
        recorder.ensure_trial_run(recorder.ensure_study_run(), trial_id(NONE), NONE)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, step, killed)
        with pytest.raises(Killed):
            begin()
    begin()
    study, trial = sorted(store.snapshot(), key=lambda content: str(content["tags"]["ser.kind"]))
    assert study["params"] == {"attention": "none"}
    assert "skipped.json" in study["files"]
    assert trial["params"] == payloads.log_params(NONE)
    assert study["inputs"] == trial["inputs"] == [(CORPUS.name, CORPUS.digest)]


def test_a_curve_of_many_epochs_is_written_completely(store: MlflowFixture, tmp_path: Path) -> None:
    long = FoldConfiguration.parse(**NONE.model_dump() | {"epochs": 400})
    trained_fold = deserialize_fold(trained(NONE, 0))
    record = trained_fold.result.curve[0]
    curve = tuple(record.model_copy(update={"epoch": epoch, "ended_ms": epoch}) for epoch in range(1, 401))
    result = FoldResult(**dict(trained_fold.result) | {"configuration": long, "curve": curve})
    recorder = store.recorder()
    trial = recorder.ensure_trial_run(recorder.ensure_study_run(), "long", long)
    path = tmp_path / "long.safetensors"
    path.write_bytes(serialize_fold(replace(trained_fold, result=result)))
    run = recorder.log_fold(trial, StoredFold(result, path))
    for name in record.values:
        assert [step for step, _, _ in store.history(run, name)] == list(range(1, 401)), name
