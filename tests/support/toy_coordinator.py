"""Coordinator on real Optuna and MLflow databases whose folds are trained in this process, once per test session."""

from collections.abc import Callable
from pathlib import Path
from shutil import copyfile
from typing import Any

from optuna.trial import FrozenTrial

from ser.feature_settings import LogMelSettings
from ser.results import Fold, FoldResult
from ser.training.checkpoint import parse_result
from studies.consistency.changes import find_changes
from studies.consistency.checks import Inconsistency, find_inconsistencies
from studies.consistency.snapshot import read_snapshot
from studies.consistency.study_check import repair_study
from studies.coordination.coordinator import Coordinator
from studies.coordination.projector import Projector
from studies.coordination.shutdown import closing_runs_on_error
from studies.execution.base import Event, Executor, Failed, Finished, FoldTask, Progress
from studies.monitoring.events import FoldFailure, StudyCallback, StudyProgress
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.reporting.results_reader import ResultsReader
from studies.search.optuna_study import OptunaStudy
from studies.search.records import IdentityInputs, StartRecord, StudyLocation
from studies.search.session import StudySession
from studies.search.summaries import list_studies
from studies.storages.base import Lease, Storage
from studies.storages.home import Home
from studies.storages.sqlite import SqliteStorage
from tests.support.toy_corpus import MEL
from tests.support.toy_studies import CORPUS, SCHEME, MlflowFixture, baseline, trained
from tests.support.trial_results import trial_results
from tracking.analysis.results_table import ResultsTable
from tracking.backend.queries import is_finished
from tracking.results.baselines import BaselineStore
from tracking.results.store import ResultStore
from tracking.writing.background_writer import BackgroundWriter, Write
from tracking.writing.recorder import Recorder


def plan_of(*attentions: str, labels: tuple[str, ...] = ("words",)) -> StudyPlan:
    """A plan whose folds train in an instant."""
    plan = StudyPlan.from_options(
        StudyOptions(
            corpus="emodb",
            recipe="quick",
            attentions=attentions,
            labels=labels,
            overrides={
                "cells": "4",
                "dropout": "off",
                "epochs": "3",
                "stack": "1",
                "batch_size": "4",
                "learning_rate": "0.05",
                "ema_decay": "off",
                "precision": "fp32",
            },
        )
    )
    return _of_toy_corpus(plan)


def _of_toy_corpus(plan: StudyPlan) -> StudyPlan:
    """A plan of the toy corpus, which has log-mels of a few bands, as no user can ask for, and a name of its own."""
    settings = plan.settings | {"features": {"mel_bands": MEL}}
    return plan.model_copy(update={"settings": settings, "corpus_options": {"name": CORPUS.name}})


def search_of(trials: int, seeds: int = 1, pruner: str = "none") -> StudyPlan:
    """A search whose folds train in an instant."""
    plan = StudyPlan.from_options(
        StudyOptions(
            corpus="emodb",
            recipe="extended",
            attentions=("none", "local"),
            labels=("words",),
            scopes=(3, 5),
            seeds=seeds,
            trials=trials,
            pruner=pruner,
            overrides={
                "cells": "4",
                "layers": "1",
                "epochs": "1",
                "stack": "1",
                "batch_size": "4",
                "normalisation": "zscore_speaker",
                "precision": "fp32",
            },
        )
    )
    return _of_toy_corpus(plan)


class InProcess(Executor):
    """Executor that trains a fold when it is waited for, the one dispatched last first.

    Args:
        slots: Number of slots.
        fails: Returns for a task and the number of its attempt, from 1, whether it fails.
    """

    def __init__(self, slots: int = 2, fails: Callable[[FoldTask, int], bool] = lambda task, attempt: False) -> None:
        self._slots = slots
        self._fails = fails
        self._tasks: list[FoldTask] = []
        self.handed_out: list[str] = []

    @property
    def slots(self) -> int:
        return self._slots

    def free_slots(self) -> int:
        return self._slots - len(self._tasks)

    def submit(self, task: FoldTask) -> None:
        assert self.free_slots() > 0
        self._tasks.append(task)
        self.handed_out.append(task.identity)

    def cancel(self, identity: str) -> None:
        raise NotImplementedError("no test cancels a fold that is trained in an instant")

    def wait(self, timeout_s: float) -> list[Event]:
        task = self._tasks.pop()
        if self._fails(task, self.handed_out.count(task.identity)):
            return [Failed(task.identity, 0, "OutOfPatience: no more", "Traceback:\n  OutOfPatience: no more")]
        (fold,) = (fold for fold in SCHEME if fold.test_speakers == task.fold.test_speakers)
        content = trained(task.configuration, fold.index)
        records = parse_result(content).curve
        early = [Progress(task.identity, 0, record) for record in records[:-1]]
        # The last progress may overtake its result, or come after it.
        return [*early, Finished(task.identity, 0, content), Progress(task.identity, 0, records[-1])]

    def close(self) -> None:
        self._tasks.clear()


class SynchronousWriter(BackgroundWriter):
    """Writer that writes at once, in the calling thread, so that the order of all writes is fixed."""

    def submit(self, write: Write, queue_key: str | None = None) -> None:
        write()


class RecordingCallback(StudyCallback):
    """Callback that records its calls."""

    def __init__(self) -> None:
        self.progress: list[StudyProgress] = []
        self.failures: list[tuple[str, str, int]] = []
        self.repairs: list[str] = []
        self.epochs: list[int] = []

    def on_progress(self, progress: StudyProgress) -> None:
        self.progress.append(progress)

    def on_epoch_end(self, slot: int, fold: str, epochs: int, record: Any) -> None:
        self.epochs.append(record.epoch)

    def on_fold_failed(self, failure: FoldFailure) -> None:
        self.failures.append((failure.fold, failure.reason, failure.attempts_left))

    def on_message(self, what: str) -> None:
        self.repairs.append(what)


class StudyFixture:
    """Data directory of studies; every start opens it again, as a new process would.

    Args:
        folder: The folder.
        empty_store: An empty MLflow database.
        empty_search: An empty Optuna database.
    """

    def __init__(self, folder: Path, empty_store: Path, empty_search: Path) -> None:
        folder.mkdir(exist_ok=True)
        copyfile(empty_store, folder / "mlflow.db")
        copyfile(empty_search, folder / "optuna.db")
        self.open(folder)

    def open(self, folder: Path) -> None:
        """Opens a folder that has both databases."""
        self.folder = folder
        self.home = Home(folder)
        self.database = folder / "optuna.db"
        self.storage: Storage = SqliteStorage(self.database)
        self.store = MlflowFixture(folder, folder / "mlflow.db")
        self.results_on_disk = ResultStore(folder / "results")

    def start(
        self,
        plan: StudyPlan,
        executor: Executor | None = None,
        study: str = "first",
        observer: StudyCallback | None = None,
        scheme: tuple[Fold, ...] = SCHEME,
        sender: BackgroundWriter | None = None,
        confirm: Callable[[], None] = lambda: None,
    ) -> list[str]:
        """Run a study to its end, or until an error is raised."""
        callback = observer or StudyCallback()
        search = OptunaStudy.open(self.storage, study, plan)
        search.save_precision("fp32")
        search.save_identity_inputs(IdentityInputs(scheme, "cpu"))
        search.save_location(StudyLocation(self.store.experiment, CORPUS.digest, scheme[0].scheme, len(scheme)))
        search.save_start(StartRecord.of(CORPUS, Path("corpus"), "home", {}))
        session = self.session(plan, study, scheme, search)
        recorder: Recorder = self.store.recorder(study)
        with closing_runs_on_error(recorder, confirm):
            check = repair_study(session, Lease(), resumes=True)
            for message in check.messages:
                callback.on_message(message)
            points = check.points()
            study_run = recorder.ensure_study_run(complete=session.is_complete(points))
            coordinator = Coordinator(
                session=session,
                points=points,
                stores={LogMelSettings(mel_bands=MEL): self.folder / "features"},
                projector=Projector(session, recorder, study_run),
                executor=executor or InProcess(),
                callback=callback,
                background=sender or SynchronousWriter(),
            )
            failures = coordinator.run()
            if not recorder.study_is_finished(study_run):
                BaselineStore(self.home.results).put(baseline())
                recorder.record_baseline(study_run, baseline())
                recorder.finish_study(study_run, complete=not failures)
        return failures

    def session(
        self,
        plan: StudyPlan,
        study: str = "first",
        scheme: tuple[Fold, ...] = SCHEME,
        search: OptunaStudy | None = None,
    ) -> StudySession:
        """Open a study, unless its search is opened already."""
        return StudySession(
            plan=plan,
            home=self.home,
            search=search or OptunaStudy.open(self.storage, study, plan),
            precision="fp32",
            client=self.store.client,
            location=StudyLocation(self.store.experiment, CORPUS.digest, SCHEME[0].scheme, len(scheme)),
            identity_inputs=IdentityInputs(scheme, "cpu"),
        )

    def check(self, study: str = "first", is_running: bool = False) -> list[Inconsistency]:
        """Find the inconsistencies of a study."""
        session = self._reopened(study)
        snapshot = read_snapshot(session, is_running)
        changes = find_changes(session, snapshot, True, lambda done, total: None)
        return [*changes.findings, *find_inconsistencies(snapshot)]

    def repair(self, study: str = "first") -> tuple[list[Inconsistency], list[Inconsistency]]:
        """Repair a study; return the repaired inconsistencies, and those that are left."""
        result = repair_study(self._reopened(study), Lease())
        return list(result.repaired), list(result.findings)

    def _reopened(self, study: str) -> StudySession:
        (summary,) = (summary for summary in list_studies(self.storage) if summary.name == study)
        assert summary.identity_inputs is not None
        return self.session(summary.plan, study, summary.identity_inputs.scheme)

    def table(self) -> ResultsTable:
        location = StudyLocation(self.store.experiment, CORPUS.digest, SCHEME[0].scheme, len(SCHEME))
        return ResultsReader(Home(self.folder), location).table(list_studies(self.storage))

    def results(self) -> dict[str, list[FoldResult]]:
        """The results of all finished trials, by trial identity."""
        return trial_results(self.store.client, self.store.experiment, self.results_on_disk)

    def unrecorded(self) -> frozenset[str]:
        """Identities of results on disk without a finished run."""
        recorded = {run.data.tags["ser.fold_identity"] for run in self.store.runs(ser__kind="fold") if is_finished(run)}
        return self.results_on_disk.identities() - recorded

    def values(self, plan: StudyPlan, study: str = "first") -> list[float | None]:
        """Optuna's value of each point; None where it is not complete."""
        known = {trial.number: trial.value for trial in self._trials(study)}
        points = OptunaStudy.open(self.storage, study, plan).points("fp32")
        return [known[point.number] if point.complete and point.number is not None else None for point in points]

    def states(self, study: str = "first") -> list[str]:
        return [trial.state.name for trial in self._trials(study)]

    def _trials(self, study: str) -> list[FrozenTrial]:
        import optuna

        return optuna.load_study(study_name=study, storage=self.storage.open()).trials
