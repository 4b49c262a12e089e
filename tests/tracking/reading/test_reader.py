import subprocess
import sys
from shutil import rmtree

import pytest

from ser.errors import SerError
from ser.identity import fold_identity, trial_identity
from ser.training.checkpoint import parse_result
from tests.support.toy_studies import (
    CORPUS,
    NONE,
    QUANTUM,
    SCHEME,
    MlflowFixture,
    baseline,
    corpus_with_a_bad_file,
    trained,
    trial_id,
    trial_result,
)
from tests.support.trial_results import plain
from tracking.analysis.results_table import ScoredTrial
from tracking.reading.reader import Reader
from tracking.writing import payloads


def reader(store: MlflowFixture, digest: str = CORPUS.digest, scheme: str = SCHEME[0].scheme) -> Reader:
    return Reader(store.client, store.experiment, digest, scheme)


def reuse(store: MlflowFixture, study: str, original: str) -> str:
    recorder = store.recorder(study)
    run = recorder.ensure_trial_run(recorder.ensure_study_run(), trial_id(NONE), NONE)
    recorder.finish_trial(run, trial_result(NONE, study, run, reused=original), {"ser.reused_from": original})
    return run


def test_finished_folds_of_a_model_are_found_in_every_study(store: MlflowFixture) -> None:
    store.write_trial(NONE, study="first", folds=1)
    store.write_trial(QUANTUM, study="second", folds=2)
    identities = {parse_result(trained(QUANTUM, fold.index)).identity for fold in SCHEME}
    assert set(reader(store).existing_results(payloads.model_digest(QUANTUM)).folds) == identities
    assert len(reader(store).existing_results(payloads.model_digest(NONE)).folds) == 1
    assert reader(store, digest="f" * 32).existing_results(payloads.model_digest(NONE)).folds == {}


def test_a_fold_that_is_not_finished_is_not_found(store: MlflowFixture) -> None:
    store.write_trial(NONE, folds=1)
    (run,) = store.runs(ser__kind="fold")
    store.client.update_run(run.info.run_id, status="RUNNING")
    assert reader(store).existing_results(payloads.model_digest(NONE)).folds == {}


def test_a_folds_result_is_read_to_the_last_digit(store: MlflowFixture) -> None:
    store.write_trial(NONE, folds=1)
    (run,) = reader(store).existing_results(payloads.model_digest(NONE)).folds.values()
    assert reader(store).fold_result(run) == parse_result(trained(NONE, 0))


def test_a_lost_artifact_is_named(store: MlflowFixture) -> None:
    store.write_trial(NONE, folds=1)
    (run,) = store.runs(ser__kind="fold")
    rmtree(store.folder / "artifacts" / CORPUS.name / run.info.run_id)
    with pytest.raises(SerError, match=rf"{run.info.run_id}/artifacts/fold\.safetensors: expected a trained fold"):
        reader(store).fold_result(run)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_trial_that_is_cut_off_is_named(store: MlflowFixture, share: float) -> None:
    run = store.write_trial(NONE)
    file = store.folder / "artifacts" / CORPUS.name / run / "artifacts" / "trial.json"
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(SerError, match=rf"trial\.json of .*{run}.* is not a valid trial result"):
        reader(store).table()


def test_models_of_which_anybody_has_begun_a_trial_are_known(store: MlflowFixture) -> None:
    assert reader(store).started_configurations() == frozenset()
    store.write_trial(NONE, study="first", folds=1)
    store.write_trial(QUANTUM, study="second")
    assert reader(store).started_configurations() == {payloads.model_digest(NONE), payloads.model_digest(QUANTUM)}
    assert reader(store, digest="f" * 32).started_configurations() == frozenset()


def test_a_reusable_trial_was_trained_by_another_study(store: MlflowFixture) -> None:
    model = payloads.model_digest(NONE)
    assert reader(store).existing_results(model).reusable_trial(trial_id(NONE), "second") is None
    original = store.write_trial(NONE, study="first")
    reuse(store, "third", original)
    existing = reader(store).existing_results(model)
    run = existing.reusable_trial(trial_id(NONE), "second")
    assert run is not None
    assert reader(store).trial_result(run) == trial_result(NONE, "first", original)
    assert existing.reusable_trial(trial_id(NONE), "first") is None
    assert existing.reusable_trial(trial_id(QUANTUM), "second") is None


def test_the_table_prefers_the_trial_that_was_trained(store: MlflowFixture) -> None:
    original = store.write_trial(NONE, study="first")
    reuse(store, "second", original)
    store.write_trial(QUANTUM, study="second")
    trials = reader(store).table().trials
    assert [(trial.study, trial.trial_id) for trial in trials] == [
        ("first", trial_id(NONE)),
        ("second", trial_id(QUANTUM)),
    ]
    assert all(len(trial.folds) == len(SCHEME) for trial in trials)


def test_the_table_has_a_trial_as_its_results_are_scored(store: MlflowFixture) -> None:
    run = store.write_trial(NONE)
    (trial,) = reader(store).table().trials
    assert plain(trial) == plain(ScoredTrial.of(trial_result(NONE, "first", run)))
    for fold, index in zip(trial.folds, range(2), strict=True):
        result = parse_result(trained(NONE, index))
        assert fold.test.predicted.tolist() == list(result.test.predicted)
        assert fold.curves["training_loss"].values.tolist() == [
            record.values["training_loss"] for record in result.curve
        ]


def test_a_finished_trial_is_read_once_for_all_tables(store: MlflowFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write_trial(NONE)
    reading = reader(store)
    (first,) = reading.table().trials
    store.write_trial(QUANTUM, folds=1)
    monkeypatch.setattr(Reader, "trial_result", lambda *_: pytest.fail("read again"))
    again, started = reading.table().trials
    assert again is first
    assert len(started.folds) == 1


def test_reading_and_planning_need_no_torch() -> None:
    modules = "tracking.reading.reader, tracking.analysis.report, studies.search.optuna_study"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_trained_trial_is_preferred_if_it_started_later(store: MlflowFixture) -> None:
    recorder = store.recorder("early")
    early = recorder.ensure_trial_run(recorder.ensure_study_run(), trial_id(NONE), NONE)
    late = store.write_trial(NONE, study="late")
    recorder.finish_trial(early, trial_result(NONE, "early", early, reused=late), {"ser.reused_from": late})
    (trial,) = reader(store).table().trials
    assert (trial.study, len(reader(store).table().trials)) == ("late", 1)


def test_an_unfinished_trial_stands_in_the_table_with_its_folds(store: MlflowFixture) -> None:
    run = store.write_trial(NONE, folds=1)
    (trial,) = reader(store).table().trials
    complete = trial_result(NONE, "first", run).model_copy(update={"folds": (parse_result(trained(NONE, 0)),)})
    assert plain(trial) == plain(ScoredTrial.of(complete))
    assert len(trial.folds) < len(trial.scheme)


def test_an_unfinished_trial_has_folds_of_another_study(store: MlflowFixture) -> None:
    store.write_trial(NONE, study="first", folds=1)
    (first,) = reader(store).table().trials
    recorder = store.recorder("second")
    recorder.ensure_trial_run(recorder.ensure_study_run(), trial_id(NONE), NONE)
    (second,) = reader(store).table().trials
    assert (first.study, second.study) == ("first", "second")
    assert plain(second.folds) == plain(first.folds)


def test_an_unfinished_trial_has_no_folds_of_another_version(store: MlflowFixture) -> None:
    store.write_trial(NONE, folds=1)
    later = trial_identity([fold_identity(NONE, CORPUS.digest, fold, "cpu", "9.9") for fold in SCHEME])
    recorder = store.recorder("later")
    recorder.ensure_trial_run(recorder.ensure_study_run(), later, NONE)
    trials = {trial.study: len(trial.folds) for trial in reader(store).table().trials}
    assert trials == {"first": 1, "later": 0}


def test_the_device_type_is_found_from_the_identity(store: MlflowFixture) -> None:
    run = store.write_trial(NONE)
    now = trial_result(NONE, "first", run)
    older = [dict(fold.environment) for fold in now.folds]
    for environment in older:
        del environment["device_type"]
    folds = tuple(fold.model_copy(update={"environment": facts}) for fold, facts in zip(now.folds, older, strict=True))
    then = ScoredTrial.of(now.model_copy(update={"folds": folds}))
    assert {fold.provenance for fold in then.folds} == {fold.provenance for fold in ScoredTrial.of(now).folds}
    assert {fold.provenance.device_type for fold in then.folds} == {"cpu"}


def test_a_lost_trial_is_read_from_its_folds(store: MlflowFixture) -> None:
    run = store.write_trial(NONE)
    (store.folder / "artifacts" / CORPUS.name / run / "artifacts" / "trial.json").write_bytes(b"")
    (trial,) = reader(store).table().trials
    assert len(trial.folds) == len(SCHEME)


def test_a_pruned_trial_says_why(store: MlflowFixture) -> None:
    run = store.write_trial(NONE, folds=1)
    store.recorder().prune_trial(run, "below the median")
    (pruned,) = reader(store).table().pruned
    assert (pruned.reason, len(pruned.trial.folds)) == ("below the median", 1)


def test_an_unfinished_trial_without_folds_is_in_the_table(store: MlflowFixture) -> None:
    store.write_trial(NONE, folds=0)
    (trial,) = reader(store).table().trials
    assert (trial.folds, trial.scheme) == ((), SCHEME)


def test_an_unfinished_trial_whose_folds_are_not_known_is_named(store: MlflowFixture) -> None:
    store.write_trial(NONE, folds=1)
    (study,) = store.runs(ser__kind="study")
    (store.folder / "artifacts" / CORPUS.name / study.info.run_id / "artifacts" / "folds.json").unlink()
    table = reader(store).table()
    assert table.trials == ()
    (note,) = table.notes
    assert note.startswith("left out: none · words of study first: ")
    assert "folds.json: cannot be read" in note
    store.write_trial(QUANTUM)
    assert len(reader(store).table().trials) == 2


def test_notes_and_skipped_files_are_listed_once(store: MlflowFixture) -> None:
    for study in ("first", "second"):
        store.recorder(study, corpus_with_a_bad_file()).ensure_study_run()
    assert reader(store).table().notes == ("a note", "skipped: f1-x: f1-x.wav: cannot be decoded")


def test_a_trial_finished_by_another_study_is_finished(store: MlflowFixture) -> None:
    store.write_trial(NONE, study="killed", folds=1)
    store.write_trial(NONE, study="complete")
    table = reader(store).table()
    assert [trial.study for trial in table.trials] == ["complete"]
    assert table.notes == ()


def test_the_table_is_of_one_corpus_digest_and_fold_scheme(store: MlflowFixture) -> None:
    store.write_trial(NONE)
    assert reader(store, digest="f" * 32).table().trials == ()
    assert reader(store, scheme="another").table().trials == ()


def test_a_baseline_is_read_once_per_normalisation(store: MlflowFixture) -> None:
    for study, normalisation in (
        ("first", "zscore_speaker"),
        ("second", "zscore_speaker"),
        ("third", "minmax_utterance"),
    ):
        recorder = store.recorder(study)
        run = recorder.ensure_study_run()
        recorder.record_baseline(run, baseline(normalisation))
        if study != "third":
            recorder.finish_study(run, complete=True)
    assert reader(store).table().baselines == (baseline(),)


def test_reading_the_table_is_followed(store: MlflowFixture) -> None:
    store.write_trial(NONE)
    store.write_trial(QUANTUM)
    seen: list[tuple[int, int]] = []
    reader(store).table(lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
