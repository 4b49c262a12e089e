"""A home with a thousand recorded trials of ten folds, in minutes instead of hours.

Seven studies of recipe `recommended`, each its whole grid with three seeds at another learning rate: 1,008 trials of
drawn results. The recorder writes them, but into MLflow's tables directly: `check` writes one trial both ways and
compares the rows. Weights, predictions and pictures of folds are left out, 27 GB that no report reads.

    python -m benchmarks.many_trials HOME
"""

import argparse
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import torch
from mlflow.tracking import MlflowClient
from rich.progress import track

from benchmarks.bulk_client import BulkClient
from benchmarks.many_results import Results, made_up_corpus
from ser.checkpoint import to_bytes
from ser.config import FoldConfiguration
from ser.folds import make_folds, parse_scheme
from ser.training import TrainedFold
from studies.home import Home
from studies.plan import StudyPlan, point_parameters
from studies.search import Search, Whereabouts
from tracking import rows, schema
from tracking.connection import experiment_id, open_tracking
from tracking.recorder import Recorder, StudyContext

LEARNING_RATES = ("0.0003", "0.0005", "0.0007", "0.001", "0.0014", "0.002", "0.003")
SEEDS = 3
VERSIONS = {f"ser.version.{name}": "1.0" for name in ("ser-studies", "torch", "optuna", "mlflow", "numpy", "python")}
TAGS = VERSIONS | {schema.PROCESSOR: "made up", schema.GIT_COMMIT: "0" * 40, schema.GIT_DIRTY: "false"}
TABLES = ("runs", "tags", "params", "metrics", "latest_metrics", "inputs", "input_tags")


def make_home(root: Path, learning_rates: tuple[str, ...] = LEARNING_RATES) -> None:
    """Writes a home with one study a learning rate.

    Args:
        root: Its folder; nothing may be there yet.
        learning_rates: The learning rates.
    """
    root.mkdir(parents=True)
    home = Home(root)
    corpus = made_up_corpus()
    results = Results(corpus, make_folds(corpus, parse_scheme("speaker"), "partner"))
    database = home.root / "mlflow.db"
    experiment = experiment_id(open_tracking(database), corpus.name, home.artifacts)
    for learning_rate in learning_rates:
        plan = StudyPlan.of(
            corpus="emodb",
            recipe="recommended",
            attentions=("all",),
            seeds=SEEDS,
            overrides={"learning_rate": learning_rate, "precision": "fp32"},
        )
        name = plan.name(corpus.digest, "cpu")
        points = plan.points("fp32")
        with closing(sqlite3.connect(database)) as connection:
            client: Any = BulkClient(connection, experiment, home.artifacts / corpus.name, kept=(schema.TRIAL_RESULT,))
            recorder = _recorder(client, experiment, results, name, home.lock("recording"))
            study = recorder.study_run()
            for point in track(points, f"learning rate {learning_rate}"):
                _write_trial(recorder, results, study, name, point)
            connection.commit()
        # The study's own run is written to its end by MLflow: there is one of it.
        recorder = _recorder(open_tracking(database), experiment, results, name, home.lock("recording"))
        recorder.study_run()
        recorder.record_baseline(study, results.baseline(points[0].normalisation))
        recorder.finish_study(study, complete=True)
        _write_search(home, name, plan, points, results, experiment)


def check() -> None:
    """Writes one trial by MLflow and one by the bulk client, and holds their rows against each other.

    Raises:
        AssertionError: They differ; the text names the table.
    """
    corpus = made_up_corpus()
    results = Results(corpus, make_folds(corpus, parse_scheme("speaker"), "partner"))
    point = StudyPlan.of(corpus="emodb", recipe="recommended", attentions=("quantum",)).points("fp32")[0]
    found = []
    for bulk in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            home = Home(Path(folder))
            database = home.root / "mlflow.db"
            client: Any = open_tracking(database)
            experiment = experiment_id(client, corpus.name, home.artifacts)
            with closing(sqlite3.connect(database)) as connection:
                if bulk:
                    client = BulkClient(connection, experiment, home.artifacts / corpus.name, kept=())
                recorder = _recorder(client, experiment, results, "checked", home.lock("recording"))
                _write_trial(recorder, results, recorder.study_run(), "checked", point)
                found.append(_rows(connection, folder))
    for table in TABLES:
        if found[0][table] != found[1][table]:
            raise AssertionError(f"table {table}: {set(found[0][table]) ^ set(found[1][table])}")
    print(f"one trial of ten folds: {sum(map(len, found[0].values()))} rows, the same by MLflow and in bulk")


def _recorder(client: MlflowClient, experiment: str, results: Results, study: str, lock: Path) -> Recorder:
    context = StudyContext(study, "recommended", results.corpus, results.scheme, TAGS, {"seeds": str(SEEDS)})
    return Recorder(client, experiment, context, lock)


def _write_trial(recorder: Recorder, results: Results, study_run: str, study: str, point: FoldConfiguration) -> None:
    run_id = recorder.trial_run(study_run, results.trial_id(point), point)
    trial = results.trial(point, study, "recommended", run_id)
    for fold in trial.folds:
        recorder.record_fold(run_id, to_bytes(TrainedFold(fold, {"none": torch.zeros(1)})))
    recorder.finish_trial(run_id, trial, {})


def _write_search(
    home: Home, name: str, plan: StudyPlan, points: tuple[FoldConfiguration, ...], results: Results, experiment: str
) -> None:
    search = Search.open(home.storage, name, plan)
    search.keep_precision("fp32")
    scheme = results.scheme
    search.keep_whereabouts(Whereabouts(experiment, results.corpus.digest, scheme[0].scheme, len(scheme)))
    parameters = [dict(point_parameters(point)) for point in points]
    choices: dict[str, dict[Any, None]] = {}
    for each in parameters:
        for parameter, value in each.items():
            choices.setdefault(parameter, {})[value] = None
    distributions = {key: optuna.distributions.CategoricalDistribution(list(known)) for key, known in choices.items()}
    study = optuna.load_study(study_name=name, storage=f"sqlite:///{home.root / 'optuna.db'}")
    study.add_trials(
        optuna.trial.create_trial(
            params=each,
            distributions={key: distributions[key] for key in each},
            value=rows.mean_validation_ua(results.trial(point, name, plan.recipe, "")),
        )
        for point, each in zip(points, parameters, strict=True)
    )


def _rows(connection: sqlite3.Connection, folder: str) -> dict[str, list[str]]:
    """All rows of all tables as text, with names for what is drawn at random or tells the time of writing."""
    runs = connection.execute("SELECT run_uuid, name, start_time, end_time FROM runs").fetchall()
    names = {run_id: name for run_id, name, _, _ in runs} | {folder: "HOME"}
    names |= {str(each): "WHEN" for _, name, *times in runs for each in times if not name.startswith("fold")}
    names |= {each: "INPUT" for (each,) in connection.execute("SELECT input_uuid FROM inputs")}
    names |= {each: "DATASET" for (each,) in connection.execute("SELECT dataset_uuid FROM datasets")}
    found = {}
    for table in TABLES:
        texts = []
        for row in connection.execute(f"SELECT * FROM {table}"):
            text = repr(row)
            for value, name in names.items():
                text = text.replace(value, name)
            texts.append(text)
        found[table] = sorted(texts)
    return found


def main() -> None:
    """Makes a home, after the check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    home = parser.parse_args().home
    torch.set_num_threads(1)
    check()
    if home.exists():
        parser.error(f"{home} is there already")
    make_home(home)


if __name__ == "__main__":
    main()
