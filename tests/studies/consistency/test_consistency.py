"""Each kind of damage, done to a finished study with the libraries' own calls: seen, mended, and without a trace."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

import optuna
import pytest
from mlflow.entities import Metric, Run
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from tests.support.toy_coordinator import InProcess, RecordingCallback, StudyFixture, plan_of
from tests.support.toy_studies import CORPUS, SCHEME
from tracking import schema

PLAN = plan_of("none", "quantum")
NONE, QUANTUM = PLAN.points("fp32")
FOLDS = len(SCHEME)


class Damaged(StudyFixture):
    """A place with a finished study, and the means to damage it."""

    def superseded(self) -> set[str]:
        """Ids of runs that are tagged as superseded; none of them is open."""
        runs = self.store.client.search_runs([self.store.experiment], max_results=1000)
        tagged = [run for run in runs if schema.SUPERSEDED in run.data.tags]
        assert all(run.info.status != "RUNNING" for run in tagged)
        return {run.info.run_id for run in tagged}

    def run(self, kind: str, attention: str = "none", fold: int = 0) -> Run:
        tags = {"ser__kind": kind}
        if kind != "study":
            tags["ser__attention"] = attention
        if kind == "fold":
            tags["ser__fold"] = SCHEME[fold].name
        (run,) = self.store.runs(**tags)
        return run

    def set_status(self, run: Run, status: str) -> None:
        self.store.client.update_run(run.info.run_id, status=status)

    def copy(self, run: Run, status: str, **tags: str) -> Run:
        """Another run with the same tags and one metric."""
        client = self.store.client
        changed = {**run.data.tags, **{name.replace("__", "."): value for name, value in tags.items()}}
        copy = client.create_run(self.store.experiment, tags=changed, run_name=run.info.run_name)
        client.log_batch(copy.info.run_id, [Metric("test_ua", 0.999, 1, 0)])
        if status != "RUNNING":
            client.set_terminated(copy.info.run_id, status)
        return client.get_run(copy.info.run_id)

    def artifacts(self, run: Run) -> Path:
        return self.folder / "artifacts" / CORPUS.name / run.info.run_id / "artifacts"

    @property
    def study(self) -> optuna.Study:
        return optuna.load_study(study_name="first", storage=f"sqlite:///{self.database}")

    def forget_in_the_search(self, attention: str) -> None:
        """Makes Optuna's study anew, without one trial."""
        kept = [trial for trial in self.study.trials if trial.params["attention"] != attention]
        attributes = dict(self.study.user_attrs)
        storage = f"sqlite:///{self.database}"
        optuna.delete_study(study_name="first", storage=storage)
        again = optuna.create_study(study_name="first", storage=storage, direction="maximize")
        for name, value in attributes.items():
            again.set_user_attr(name, value)
        again.add_trials(kept)


@dataclass(frozen=True)
class Damage:
    """One kind of damage.

    Attributes:
        do: Does it.
        kinds: The kinds of findings, in the order in which they come to light.
        text: What the first finding says.
        trained: Folds that have to be trained again.
        superseded: Runs that are left, tagged, beside the study.
    """

    do: Callable[[Damaged], Any]
    kinds: tuple[str, ...]
    text: str
    trained: int = 0
    superseded: int = 0


def delete(place: Damaged, run: Run) -> None:
    place.store.client.delete_run(run.info.run_id)


def lose_a_result(place: Damaged) -> Run:
    run = place.run("fold")
    place.results_on_disk.path(run.data.tags[schema.FOLD_IDENTITY]).unlink()
    return run


def another_trial_of_a_point(place: Damaged) -> None:
    place.study.add_trial(place.study.trials[0])


def a_trial_that_nobody_asked_for(place: Damaged) -> None:
    choices = CategoricalDistribution(["none", "quantum"])
    trial = optuna.trial.create_trial(
        state=TrialState.RUNNING, params={"attention": "none"}, distributions={"attention": choices}
    )
    place.study.add_trial(trial)


def a_trial_run_without_its_folds(place: Damaged) -> None:
    for fold in range(FOLDS):
        delete(place, place.run("fold", fold=fold))


def a_double_trial_with_a_fold_of_its_own(place: Damaged) -> None:
    copy = place.copy(place.run("trial"), "RUNNING")
    place.store.client.set_tag(place.run("fold").info.run_id, schema.PARENT, copy.info.run_id)


DAMAGE = {
    "study run left open": Damage(
        lambda place: place.set_status(place.run("study"), "RUNNING"), ("stuck",), "study run first"
    ),
    "trial run left open": Damage(
        lambda place: place.set_status(place.run("trial"), "RUNNING"), ("missing",), "does not show its end"
    ),
    "fold run left open": Damage(
        lambda place: place.set_status(place.run("fold"), "RUNNING"), ("missing",), "MLflow lacks 1 of its 2 folds"
    ),
    "fold run left open without its result": Damage(
        lambda place: place.set_status(lose_a_result(place), "RUNNING"),
        ("stuck", "missing"),
        "fold run none · words · fold 01",
        trained=1,
        superseded=1,
    ),
    "result of a fold lost": Damage(
        lose_a_result, ("missing", "missing"), "its result is not on disk", trained=1, superseded=1
    ),
    "artifact of a fold lost": Damage(
        lambda place: (place.artifacts(place.run("fold")) / schema.TRAINED_FOLD).unlink(),
        ("missing",),
        "MLflow lacks 1 of its 2 folds",
    ),
    "fold run deleted": Damage(lambda place: delete(place, place.run("fold")), ("missing",), "MLflow lacks 1"),
    "all fold runs of a trial deleted": Damage(a_trial_run_without_its_folds, ("missing",), "MLflow lacks 2"),
    "trial run deleted": Damage(lambda place: delete(place, place.run("trial")), ("missing",), "does not show its end"),
    "tag that names a trial deleted": Damage(
        lambda place: place.store.client.delete_tag(place.run("trial").info.run_id, schema.TRIAL_ID),
        ("malformed", "missing"),
        "the tag that names it is missing",
        superseded=1,
    ),
    "tag that names a fold deleted": Damage(
        lambda place: place.store.client.delete_tag(place.run("fold").info.run_id, schema.FOLD_IDENTITY),
        ("malformed", "missing"),
        "the tag that names it is missing",
        superseded=1,
    ),
    "tag of a kind changed": Damage(
        lambda place: place.store.client.set_tag(place.run("fold").info.run_id, schema.KIND, "foo"),
        ("malformed", "missing"),
        "its tag ser.kind is 'foo', expected study, trial or fold",
        superseded=1,
    ),
    "tag of a kind deleted": Damage(
        lambda place: place.store.client.delete_tag(place.run("study").info.run_id, schema.KIND),
        ("malformed", "missing"),
        "its tag ser.kind is missing",
        superseded=1,
    ),
    "study run deleted": Damage(lambda place: delete(place, place.run("study")), ("missing",), "there is none above"),
    "fold run below no trial": Damage(
        lambda place: place.store.client.set_tag(place.run("fold").info.run_id, schema.PARENT, "f" * 32),
        ("orphaned",),
        "its parent ffff",
    ),
    "fold run that nobody asked for": Damage(
        lambda place: place.copy(place.run("fold"), "FINISHED", ser__fold_identity="0" * 32),
        ("orphaned",),
        "no point of the study asks for it",
        superseded=1,
    ),
    "trial run that nobody asked for": Damage(
        lambda place: place.copy(place.run("trial"), "FINISHED", ser__trial_id="0" * 32),
        ("orphaned",),
        "no point of the study asks for it",
        superseded=1,
    ),
    "two study runs": Damage(
        lambda place: place.copy(place.run("study"), "RUNNING"), ("duplicate",), "study run first", superseded=1
    ),
    "two trial runs": Damage(
        lambda place: place.copy(place.run("trial"), "FINISHED"), ("duplicate",), "trial run none", superseded=1
    ),
    "two trial runs that share the folds": Damage(
        a_double_trial_with_a_fold_of_its_own, ("duplicate", "orphaned"), "trial run none", superseded=1
    ),
    "two fold runs": Damage(
        lambda place: place.copy(place.run("fold"), "FINISHED"),
        ("duplicate",),
        "fold run none · words · fold 01",
        superseded=1,
    ),
    "a half-written fold run beside the whole one": Damage(
        lambda place: place.copy(place.run("fold"), "RUNNING"),
        ("duplicate",),
        "fold run none · words · fold 01",
        superseded=1,
    ),
    "trial unknown to the search": Damage(
        lambda place: place.forget_in_the_search("none"), ("missing",), "does not show its end"
    ),
    "two trials of a point in the search": Damage(
        another_trial_of_a_point, ("duplicate",), "trial 0 is of the same point"
    ),
    "a trial in the search that nobody asked for": Damage(
        a_trial_that_nobody_asked_for, ("orphaned",), 'no point of the study asks for {"attention": "none"}'
    ),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, empty_store: Path, empty_search: Path) -> Damaged:
    """An undisturbed study; tests copy it."""
    place = Damaged(tmp_path_factory.mktemp("finished") / "place", empty_store, empty_search)
    assert place.start(PLAN) == []
    return place


@pytest.fixture
def damaged(finished: Damaged, tmp_path: Path) -> Damaged:
    """A copy of the study, to be damaged."""
    folder = tmp_path / "place"
    copytree(finished.folder, folder)
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        # MLflow keeps whole paths of artifacts.
        where = (str(finished.folder), str(folder))
        database.execute("UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)", where)
        database.execute("UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?)", where)
    # MLflow keeps in memory, by run, where artifacts lie; the copy's runs have the same ids.
    _artifact_repos_cache.clear()
    copy = Damaged.__new__(Damaged)
    copy.open(folder)
    return copy


def table(place: StudyFixture) -> tuple[Any, ...]:
    """The final table to the last digit, without the place it lies in, and what the search knows."""
    read = place.table()
    return place.results(), read.baselines, read.notes, place.values(PLAN)


@pytest.fixture(scope="module")
def expected(finished: Damaged) -> tuple[Any, ...]:
    """Table of the undisturbed study."""
    return table(finished)


def undeleted(place: Damaged) -> int:
    """Number of runs, superseded ones too."""
    return len(place.store.client.search_runs([place.store.experiment], max_results=1000))


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_and_repaired_without_a_trace(damaged: Damaged, expected: tuple[Any, ...], name: str) -> None:
    damage = DAMAGE[name]
    assert damaged.check() == []
    damage.do(damaged)
    seen = damaged.check()
    assert damage.text in seen[0].text
    assert seen[0].kind == damage.kinds[0]
    before = undeleted(damaged)

    mended, left = damaged.repair()
    assert tuple(finding.kind for finding in mended) == damage.kinds
    assert left == damaged.check() == []
    assert undeleted(damaged) >= before
    superseded = damaged.superseded()
    assert len(superseded) == damage.superseded

    watcher, executor = RecordingCallback(), InProcess()
    assert damaged.start(PLAN, executor, observer=watcher) == []
    assert len(executor.handed_out) == damage.trained
    assert watcher.repairs == []
    assert damaged.check() == []
    assert table(damaged) == expected
    assert {run.info.status for run in damaged.store.runs()} == {"FINISHED"}
    assert Counter(run.data.tags[schema.KIND] for run in damaged.store.runs()) == {
        "study": 1,
        "trial": 2,
        "fold": 2 * FOLDS,
    }
    assert damaged.superseded() == superseded


def test_a_start_repairs_all_kinds_of_damage(damaged: Damaged, expected: tuple[Any, ...]) -> None:
    names = (
        "study run left open",
        "artifact of a fold lost",
        "fold run below no trial",
        "trial run that nobody asked for",
        "two trials of a point in the search",
    )
    for name in names:
        DAMAGE[name].do(damaged)
    copy = damaged.copy(damaged.run("fold", "quantum", fold=1), "FINISHED")
    watcher, executor = RecordingCallback(), InProcess()
    assert damaged.start(PLAN, executor, observer=watcher) == []
    assert executor.handed_out == []
    assert watcher.repairs[0].startswith("MLflow lost the runs of 1 results of study first")
    assert {text.split(":")[0] for text in watcher.repairs[1:]} == {"repaired, orphaned", "repaired, duplicate"}
    assert copy.info.run_id in damaged.superseded()
    assert damaged.check() == []
    assert table(damaged) == expected
    assert {run.info.status for run in damaged.store.runs()} == {"FINISHED"}


@pytest.mark.parametrize("name", ["study run deleted", "trial run deleted", "tag that names a trial deleted"])
def test_a_start_puts_runs_below_those_that_it_restores(damaged: Damaged, name: str) -> None:
    DAMAGE[name].do(damaged)
    executor = InProcess()
    assert damaged.start(PLAN, executor) == []
    assert executor.handed_out == []
    assert damaged.check() == []


def test_open_runs_of_a_running_study_are_consistent(damaged: Damaged) -> None:
    for kind in ("study", "trial", "fold"):
        damaged.set_status(damaged.run(kind), "RUNNING")
    assert [finding.kind for finding in damaged.check()] == ["stuck", "missing"]
    assert damaged.check(is_running=True) == []


def test_missing_folds_are_consistent(place: StudyFixture) -> None:
    place.start(PLAN, InProcess(fails=lambda task, attempt: task.configuration == NONE and task.fold.index == 0))
    assert place.check() == []


@pytest.mark.parametrize("position", [20, -20], ids=["result", "weights"])
def test_damaged_result_is_named_and_its_fold_trained_again(
    damaged: Damaged, expected: tuple[Any, ...], position: int
) -> None:
    identity = damaged.run("fold").data.tags[schema.FOLD_IDENTITY]
    path = damaged.results_on_disk.path(identity)
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    watcher, executor = RecordingCallback(), InProcess()
    assert damaged.start(PLAN, executor, observer=watcher) == []
    assert executor.handed_out == [identity]
    assert str(path) in watcher.repairs[0]
    assert damaged.check() == []
    assert table(damaged) == expected
    assert [moved.read_bytes() for moved in (damaged.folder / "trash").iterdir()] == [content]
