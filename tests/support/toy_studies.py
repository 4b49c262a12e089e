"""Folds of the toy corpus as a study would record them; each is trained once a test session."""

import sqlite3
from atexit import register
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from shutil import copyfile, rmtree
from tempfile import mkdtemp
from typing import Any

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from ser.config import FoldConfiguration
from ser.corpora.corpus import Corpus, SkippedFile
from ser.identity import fold_identity, trial_identity
from ser.results import BaselineResult, Evaluation, Fold
from ser.training.checkpoint import StoredFold, parse_result, serialize_fold
from tests.support import quick_databases  # noqa: F401
from tests.support.toy_corpus import fold_of, small, toy_corpus, train
from tracking.analysis.trial_result import TrialResult
from tracking.backend.client import connect, experiment_id
from tracking.backend.queries import search_runs
from tracking.context import StudyContext
from tracking.results.store import ResultStore
from tracking.writing.recorder import Recorder

CORPUS = toy_corpus()
SCHEME = (fold_of(CORPUS, 0), fold_of(CORPUS, 1))
NONE = small(attention="none", epochs=2)
QUANTUM = small(attention="quantum", epochs=2)


@cache
def trained(configuration: FoldConfiguration, index: int) -> bytes:
    """The bytes of a trained fold of the toy corpus."""
    return serialize_fold(train(configuration, fold=fold_of(CORPUS, index)))


@cache
def stored(configuration: FoldConfiguration, index: int) -> StoredFold:
    """The same fold as a file, which ends with the process."""
    content = trained(configuration, index)
    result = parse_result(content)
    return StoredFold(result, ResultStore(_folder()).put(result.identity, content))


@cache
def _folder() -> Path:
    folder = mkdtemp(prefix="ser-toy-results-")
    register(rmtree, folder, ignore_errors=True)
    return Path(folder)


def trial_id(configuration: FoldConfiguration, scheme: Sequence[Fold] = SCHEME) -> str:
    return trial_identity([fold_identity(configuration, CORPUS.digest, fold, "cpu") for fold in scheme])


def trial_result(configuration: FoldConfiguration, study: str, run_id: str, reused: str | None = None) -> TrialResult:
    return TrialResult(
        study=study,
        recipe="quick",
        trial_id=trial_id(configuration),
        scheme=SCHEME,
        folds=tuple(parse_result(trained(configuration, fold.index)) for fold in SCHEME),
        run_id=run_id,
        reused_from=reused,
    )


def baseline(normalisation: str = "zscore_speaker") -> BaselineResult:
    """A baseline whose first fold is all right and whose second one all wrong."""
    right = parse_result(trained(NONE, 0)).test
    tests = (_predicting(right, right.actual), _predicting(right, tuple((k + 1) % 3 for k in right.actual)))
    corpus = CORPUS.identity
    return BaselineResult(
        name="logistic regression",
        corpus=corpus,
        normalisation=normalisation,
        features=NONE.features,
        folds=SCHEME,
        tests=tests,
    )


def _predicting(test: Evaluation, predicted: tuple[int, ...]) -> Evaluation:
    return test.model_copy(update={"predicted": predicted})


def inputs_of(run: Run) -> list[tuple[str, str]]:
    """Name and digest of each dataset of a run."""
    return (
        [] if run.inputs is None else [(item.dataset.name, item.dataset.digest) for item in run.inputs.dataset_inputs]
    )


class MlflowFixture:
    """An MLflow store of its own, in a folder.

    Args:
        folder: The folder.
        empty: An empty MLflow database.
    """

    def __init__(self, folder: Path, empty: Path) -> None:
        self.folder = folder
        self.shared = False
        folder.mkdir(exist_ok=True)
        database = folder / "mlflow.db"
        if not database.exists():
            copyfile(empty, database)
        self.client: MlflowClient = connect(database)
        self.experiment = experiment_id(self.client, CORPUS.name, folder / "artifacts")

    def context(self, study: str, corpus: Corpus = CORPUS, **options: str) -> StudyContext:
        return StudyContext(study, "quick", corpus.identity, corpus, SCHEME, {"ser.git_commit": "abc"}, options)

    def recorder(self, study: str = "first", corpus: Corpus = CORPUS, **options: str) -> Recorder:
        context = self.context(study, corpus, **options)
        return Recorder(self.client, self.experiment, context, self.folder / "recording.lock", self.shared)

    def runs(self, **tags: str) -> list[Run]:
        return search_runs(self.client, self.experiment, **tags)

    def write_trial(self, configuration: FoldConfiguration, study: str = "first", folds: int = 2) -> str:
        """Records a trial; with all its folds it is finished."""
        recorder = self.recorder(study)
        run = recorder.ensure_trial_run(recorder.ensure_study_run(), trial_id(configuration), configuration)
        for fold in SCHEME[:folds]:
            recorder.log_fold(run, stored(configuration, fold.index))
        if folds == len(SCHEME):
            recorder.finish_trial(run, trial_result(configuration, study, run), {})
        return run

    def snapshot(self) -> list[dict[str, Any]]:
        """All that is written of every run but ids and the times at which studies and trials began and ended."""
        runs, histories = self.runs(), self._histories()
        names = {run.info.run_id: run.info.run_name for run in runs}
        contents = (self._run_content(run, names) | {"metrics": histories.get(run.info.run_id, {})} for run in runs)
        return sorted(contents, key=lambda content: str(content["tags"]))

    def _run_content(self, run: Run, names: dict[str, str]) -> dict[str, Any]:
        tags = dict(run.data.tags)
        for run_id, known in names.items():
            # Descriptions have links to runs in them.
            tags = {name: value.replace(run_id, known) for name, value in tags.items()}
        folder = self.folder / "artifacts" / CORPUS.name / run.info.run_id / "artifacts"
        files = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}
        for content in files:
            for run_id, name in names.items():
                files[content] = files[content].replace(run_id.encode(), name.encode())
        fold = tags["ser.kind"] == "fold"
        return {
            "name": run.info.run_name,
            "status": run.info.status,
            "times": (run.info.start_time, run.info.end_time) if fold else None,
            "tags": tags,
            "params": dict(run.data.params),
            "inputs": inputs_of(run),
            "files": files,
        }

    def history(self, run: Run, metric: str) -> list[tuple[int, float, int]]:
        rows = self.client.get_metric_history(run.info.run_id, metric)
        return sorted((row.step, row.value, row.timestamp) for row in rows)

    def _histories(self) -> dict[str, dict[str, list[tuple[int, float, int]]]]:
        """Rows of every metric of every run; MLflow would be asked for each metric by itself, which takes longer."""
        histories: dict[str, dict[str, list[tuple[int, float, int]]]] = {}
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as database:
            for run, name, *row, time_ms in database.execute(
                "SELECT run_uuid, key, step, value, timestamp FROM metrics ORDER BY key, step, value, timestamp"
            ):
                # The baseline's rows bear the time at which its study began.
                moment_ms = 0 if name.startswith("logistic") else time_ms
                histories.setdefault(run, {}).setdefault(name, []).append((*row, moment_ms))
        return histories


def corpus_with_a_bad_file() -> Corpus:
    return replace(CORPUS, skipped=(SkippedFile("f1-x", "f1-x.wav: cannot be decoded"),), notes=("a note",))
