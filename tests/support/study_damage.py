"""Kinds of damage to a finished study, done with the libraries' own calls or in their databases."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from mlflow.entities import Metric, Run
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from tests.support.toy_coordinator import StudyFixture, plan_of
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

    def change_database(self, name: str, statement: str, *values: str) -> None:
        """Change rows of 'mlflow.db' or 'optuna.db', where the library itself refuses to."""
        with closing(sqlite3.connect(self.folder / name)) as database, database:
            assert database.execute(statement, values).rowcount > 0

    def log_metric(self, run: Run, name: str, value: float) -> None:
        self.store.client.log_metric(run.info.run_id, name, value)

    def replace_artifact(self, run: Run, name: str, content: Callable[[bytes], bytes]) -> None:
        """Replace an artifact by another file, so that a hard link to a result is ended."""
        path = self.artifacts(run) / name
        changed = content(path.read_bytes())
        path.unlink()
        path.write_bytes(changed)

    def set_trial_state(self, state: str) -> None:
        """Set the state of Optuna's first trial."""
        self.change_database("optuna.db", "UPDATE trials SET state = ? WHERE number = 0", state)

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
