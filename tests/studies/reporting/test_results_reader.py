"""Results table from Optuna's studies and result files, without MLflow."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from ser.feature_settings import LogMelSettings
from ser.identity import fold_identity, trial_identity
from ser.results import BASELINES_VERSION, BaselineResult, Fold
from ser.training.checkpoint import deserialize_fold, parse_result, serialize_fold
from ser.training.trainer import TrainedFold
from studies.cli.report.command import upload
from studies.monitoring.trial_status import TrialStatus, trial_statuses
from studies.planning.plan import StudyPlan
from studies.planning.study_name import study_name
from studies.reporting.report_runner import build_report, upload_key
from studies.reporting.report_upload import upload_to_study_run
from studies.reporting.results_reader import ResultsReader
from studies.search.optuna_study import OptunaStudy
from studies.search.records import IdentityInputs, Point, StartRecord, StudyLocation
from studies.search.summaries import list_studies
from studies.storages.home import Home
from tests.support.toy_coordinator import plan_of
from tests.support.toy_studies import CORPUS, SCHEME, MlflowFixture, baseline, corpus_with_a_bad_file, trained
from tests.support.trial_results import plain
from tracking.analysis.results_table import ResultsTable
from tracking.analysis.scored_folds import score_folds
from tracking.results import fetching
from tracking.results.baselines import BaselineStore
from tracking.results.store import ResultStore

START = StartRecord.of(CORPUS, Path("corpus"), "home", {})
LOCATION = StudyLocation("1", CORPUS.digest, SCHEME[0].scheme, len(SCHEME))
UNAVAILABLE = "http://127.0.0.1:9"
(NONE,) = plan_of("none").points("fp32")


class StudiesOnDisk:
    """Data directory without MLflow, with studies in Optuna and results on disk.

    Args:
        folder: The folder.
        empty_search: An empty Optuna database.
    """

    def __init__(self, folder: Path, empty_search: Path) -> None:
        folder.mkdir()
        copyfile(empty_search, folder / "optuna.db")
        self.home = Home(folder)
        self.results = ResultStore(self.home.results)
        self.baselines = BaselineStore(self.home.results)

    def open(
        self,
        plan: StudyPlan,
        study: str = "first",
        location: StudyLocation = LOCATION,
        start: StartRecord | None = START,
    ) -> OptunaStudy:
        """Open a study as its start does."""
        search = OptunaStudy.open(self.home.storage, study, plan)
        search.save_precision("fp32")
        search.save_identity_inputs(IdentityInputs(SCHEME, "cpu"))
        search.save_location(location)
        if start is not None:
            search.save_start(start)
        return search

    def start_trials(self, plan: StudyPlan, study: str = "first", folds: int = len(SCHEME)) -> list[Point]:
        """Start all trials of a grid, with results of their first folds."""
        search = self.open(plan, study)
        for point in search.points("fp32"):
            search.start_trial(point)
            for fold in SCHEME[:folds]:
                content = trained(point.configuration, fold.index)
                self.results.put(parse_result(content).identity, content)
        return search.points("fp32")

    def table(self) -> ResultsTable:
        return ResultsReader(self.home, LOCATION).table(list_studies(self.home.storage))

    def statuses(self) -> list[TrialStatus]:
        return trial_statuses(self.home, list_studies(self.home.storage)[-1], False, pytest.fail)


@pytest.fixture
def studies(tmp_path: Path, empty_search: Path) -> StudiesOnDisk:
    return StudiesOnDisk(tmp_path / "home", empty_search)


def identity(index: int, configuration: object = NONE) -> str:
    return parse_result(trained(configuration, index)).identity  # type: ignore[arg-type]


def test_trial_has_the_folds_whose_results_are_on_disk(studies: StudiesOnDisk) -> None:
    studies.start_trials(plan_of("none"), folds=1)
    (trial,) = studies.table().trials
    assert (trial.study, trial.recipe, trial.scheme) == ("first", "quick", SCHEME)
    assert trial.trial_id == trial_identity([identity(0), identity(1)])
    assert plain(trial.folds) == plain(score_folds([parse_result(trained(NONE, 0))]))
    studies.results.put(identity(1), trained(NONE, 1))
    (trial,) = studies.table().trials
    assert [fold.fold for fold in trial.folds] == list(SCHEME)


def test_trial_without_a_result_is_in_the_table(studies: StudiesOnDisk) -> None:
    studies.start_trials(plan_of("none"), folds=0)
    (trial,) = studies.table().trials
    assert (trial.folds, trial.scheme) == ((), SCHEME)


def test_only_started_trials_are_in_the_table(studies: StudiesOnDisk) -> None:
    studies.start_trials(plan_of("none"), "other")
    studies.open(plan_of("none", "quantum"))
    assert [trial.study for trial in studies.table().trials] == ["other"]


def test_trial_of_two_studies_is_that_of_the_first(studies: StudiesOnDisk) -> None:
    studies.start_trials(plan_of("none"), "first")
    studies.start_trials(plan_of("none", "quantum"), "second")
    assert [trial.study for trial in studies.table().trials] == ["first", "second"]


def test_folds_have_their_place_in_the_reported_scheme(studies: StudiesOnDisk) -> None:
    search = studies.open(plan_of("none"))
    renamed = tuple(fold.model_copy(update={"name": f"again {fold.name}"}) for fold in SCHEME)
    search.start_trial(search.points("fp32")[0])
    studies.results.put(identity(0), trained(NONE, 0))
    (summary,) = list_studies(studies.home.storage)
    summary = replace(summary, identity_inputs=IdentityInputs(renamed, "cpu"))
    (trial,) = ResultsReader(studies.home, LOCATION).table([summary]).trials
    assert [fold.fold for fold in trial.folds] == [renamed[0]]


def test_pruned_trial_is_listed_apart_with_its_reason(studies: StudiesOnDisk) -> None:
    studies.start_trials(plan_of("none"), folds=1)
    studies.open(plan_of("none")).prune(0, "below the median")
    table = studies.table()
    assert table.trials == ()
    (pruned,) = table.pruned
    assert (pruned.name, pruned.reason, len(pruned.trial.folds)) == ("none · words", "below the median", 1)


def test_trial_that_only_one_study_pruned_is_compared(studies: StudiesOnDisk) -> None:
    studies.start_trials(plan_of("none"), "first", folds=1)
    studies.open(plan_of("none"), "first").prune(0, "below the median")
    studies.start_trials(plan_of("none"), "second")
    table = studies.table()
    assert table.pruned == ()
    assert [(trial.study, len(trial.folds)) for trial in table.trials] == [("second", len(SCHEME))]


def test_failed_trial_keeps_its_folds_and_is_noted(studies: StudiesOnDisk) -> None:
    studies.start_trials(plan_of("none"), folds=1)
    studies.open(plan_of("none")).fail(0, "fold 2: no memory\nTraceback")
    table = studies.table()
    assert [len(trial.folds) for trial in table.trials] == [1]
    assert table.notes == ("failed: none · words of study first: fold 2: no memory",)
    (status,) = studies.statuses()
    assert (status.state, status.folds_done, status.remark) == ("FAILED", 1, "fold 2: no memory")
    studies.start_trials(plan_of("none"))
    assert studies.table().notes == ()


def test_damaged_result_is_named_and_its_fold_missing(studies: StudiesOnDisk) -> None:
    studies.start_trials(plan_of("none"))
    path = studies.results.path(identity(0))
    path.write_bytes(path.read_bytes()[:500])
    table = studies.table()
    assert [[fold.fold for fold in trial.folds] for trial in table.trials] == [[SCHEME[1]]]
    (note,) = table.notes
    assert note.startswith(f"left out: {path}: expected a trained fold")


def test_notes_and_skipped_files_are_listed_once(studies: StudiesOnDisk) -> None:
    start = StartRecord.of(corpus_with_a_bad_file(), Path("corpus"), "home", {})
    for study in ("first", "second"):
        studies.open(plan_of("none"), study, start=start)
    assert studies.table().notes == ("a note", "skipped: f1-x: f1-x.wav: cannot be decoded")


def test_each_home_keeps_its_folder_of_the_corpus(studies: StudiesOnDisk) -> None:
    for home in ("one", "two"):
        studies.open(plan_of("none"), start=StartRecord.of(CORPUS, Path(f"/corpus/{home}"), home, {}))
    (summary,) = list_studies(studies.home.storage)
    assert summary.start is not None
    roots = [summary.start.root_of(home) for home in ("one", "two", "new")]
    assert roots == ["/corpus/one", "/corpus/two", "/corpus/two"]


@pytest.mark.parametrize("change", [{"corpus_digest": "f" * 32}, {"scheme": "another"}])
def test_table_is_of_one_corpus_digest_and_fold_scheme(studies: StudiesOnDisk, change: dict[str, str]) -> None:
    studies.start_trials(plan_of("none"))
    studies.open(plan_of("none"), location=replace(LOCATION, **change))
    assert studies.table().trials == ()


def test_baseline_is_that_of_the_studies_normalisation(studies: StudiesOnDisk) -> None:
    studies.start_trials(plan_of("none"))
    studies.baselines.put(baseline("minmax_utterance"))
    assert studies.table().baselines == ()
    studies.baselines.put(baseline("zscore_speaker"))
    assert studies.table().baselines == (baseline("zscore_speaker"),)
    functionals = baseline("zscore_speaker").model_copy(
        update={
            "functionals": "functionals",
            "features": LogMelSettings(),
            "inverse_penalties": (0.1, 0.1),
            "version": BASELINES_VERSION,
        }
    )
    studies.baselines.put(functionals)
    assert studies.table().baselines == (baseline("zscore_speaker"), functionals)


def test_result_is_read_once_for_all_tables(studies: StudiesOnDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    studies.start_trials(plan_of("none"), folds=1)
    reader, summaries = ResultsReader(studies.home, LOCATION), list_studies(studies.home.storage)
    reader.table(summaries)
    studies.results.put(identity(1), trained(NONE, 1))
    read: list[str] = []
    monkeypatch.setattr(
        ResultStore, "result", lambda _, identity: read.append(identity) or parse_result(trained(NONE, 1))
    )
    seen: list[tuple[int, int]] = []
    (trial,) = reader.table(summaries, lambda done, total: seen.append((done, total))).trials
    assert (read, seen, len(trial.folds)) == ([identity(1)], [(1, 1)], 2)


def trained_by_torch_9(fold: Fold) -> bytes:
    """The bytes of a fold as another version of torch would have trained it."""
    original = deserialize_fold(trained(NONE, fold.index))
    changes = {
        "identity": fold_identity(NONE, CORPUS.digest, fold, "cpu", "9.9"),
        "environment": {**original.result.environment, "torch": "9.9"},
    }
    return serialize_fold(TrainedFold(original.result.model_copy(update=changes), original.weights))


def test_versions_of_a_study_are_found_from_its_results(studies: StudiesOnDisk) -> None:
    plan = plan_of("none")
    name = study_name(plan, CORPUS.digest, "cpu", "9.9")
    search = studies.open(plan, name, start=None)
    search.start_trial(search.points("fp32")[0])
    studies.results.put(identity(0), trained(NONE, 0))
    table = studies.table()
    assert table.trials == ()
    assert table.notes == (f"left out: study {name}: no result tells with which versions it was trained",)
    studies.results.put(parse_result(trained_by_torch_9(SCHEME[0])).identity, trained_by_torch_9(SCHEME[0]))
    (trial,) = studies.table().trials
    assert [fold.provenance.torch for fold in trial.folds] == ["9.9"]


def test_unavailable_server_leaves_the_results_of_this_home(studies: StudiesOnDisk) -> None:
    studies.start_trials(plan_of("none"), folds=1)
    home, summaries = replace(studies.home, tracking_uri=UNAVAILABLE), list_studies(studies.home.storage)
    reader = ResultsReader(home, LOCATION)
    reader.fetch(summaries)
    table = reader.table(summaries)
    assert [len(trial.folds) for trial in table.trials] == [1]
    (note,) = table.notes
    assert note.startswith(f"only results of this data directory are reported: tracking server {UNAVAILABLE} unavail")
    notes: list[str] = []
    (status,) = trial_statuses(home, summaries[0], True, notes.append)
    assert (status.state, status.folds_done, len(notes)) == ("RUNNING", 1, 1)
    assert notes[0].startswith("only folds of this data directory are counted: ")


def test_a_home_without_opensmile_needs_no_server(studies: StudiesOnDisk) -> None:
    studies.start_trials(plan_of("none"))
    of_frames = baseline()
    chosen = {"inverse_penalties": (1.0, 1.0), "version": BASELINES_VERSION}
    studies.baselines.put(of_frames)
    studies.baselines.put(
        of_frames.model_copy(update={"functionals": "functionals", "features": LogMelSettings(), **chosen})
    )
    summaries = list_studies(studies.home.storage)
    reader = ResultsReader(replace(studies.home, tracking_uri=UNAVAILABLE), LOCATION)
    reader.fetch(summaries)
    table = reader.table(summaries)
    assert (len(table.baselines), table.notes) == (2, ())


def test_what_only_a_server_has_is_fetched_and_counted(
    studies: StudiesOnDisk, store: MlflowFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_trial(NONE)
    recorder = store.recorder()
    recorder.record_baseline(recorder.ensure_study_run(), baseline())
    recorder.finish_study(recorder.ensure_study_run(), complete=True)
    search = studies.open(plan_of("none"), location=replace(LOCATION, experiment=store.experiment))
    search.start_trial(search.points("fp32")[0])
    home, summaries = replace(studies.home, tracking_uri=UNAVAILABLE), list_studies(studies.home.storage)
    for module in ("tracking.backend.client", "studies.reporting.shared_results"):
        monkeypatch.setattr(f"{module}.connect", lambda _: store.client)
    (status,) = trial_statuses(home, summaries[0], True, pytest.fail)
    assert status.folds_done == len(SCHEME)
    reader = ResultsReader(home, replace(LOCATION, experiment=store.experiment))
    assert reader.table(summaries).trials[0].folds == ()
    downloads, download = list[str](), fetching.download_baselines

    def count_and_download(client: MlflowClient, run: Run) -> Iterator[BaselineResult]:
        downloads.append(run.info.run_id)
        return download(client, run)

    monkeypatch.setattr(fetching, "download_baselines", count_and_download)
    for _ in range(2):
        reader.fetch(summaries)
        assert len(downloads) == 1
    table = reader.table(summaries)
    assert plain(table.trials[0].folds) == plain(score_folds([parse_result(trained(NONE, i)) for i in range(2)]))
    assert (table.baselines, table.notes) == ((baseline(),), ())


def test_report_is_not_uploaded_where_mlflow_cannot_be_used(studies: StudiesOnDisk) -> None:
    studies.start_trials(plan_of("none"))
    (summary,) = list_studies(studies.home.storage)
    database = studies.home.root / "mlflow.db"
    upload_to_study_run(studies.home.reports, studies.home, summary, pytest.fail)
    assert not database.exists()
    database.write_text("no database")
    notes: list[str] = []
    for home in (studies.home, replace(studies.home, tracking_uri=UNAVAILABLE)):
        upload_to_study_run(home.reports, home, summary, notes.append)
    assert [note.partition(": ")[0] for note in notes] == ["the report was not uploaded to MLflow"] * 2


def test_unchanged_report_is_uploaded_once(studies: StudiesOnDisk, store: MlflowFixture) -> None:
    copyfile(store.folder / "mlflow.db", studies.home.root / "mlflow.db")
    studies.start_trials(plan_of("none"))
    studies.baselines.put(baseline())
    summaries = list_studies(studies.home.storage)
    report = build_report(studies.table(), studies.home, summaries)
    assert report is not None
    upload(report, studies.home, summaries[0])
    (studies.home.root / "mlflow.db").write_text("no database")
    upload(report, studies.home, summaries[0])
    record = studies.home.uploaded_report("first")
    assert record.read_text(encoding="utf-8") == upload_key(studies.home, report.page.parent)
    served = replace(studies.home, tracking_uri=UNAVAILABLE)
    with pytest.MonkeyPatch.context() as patch:
        notes: list[str] = []
        patch.setattr("studies.cli.report.command.print_message", notes.append)
        upload(report, served, summaries[0])
        record.write_text("another report")
        upload(report, studies.home, summaries[0])
    assert len(notes) == 2
