"""Results that other data directories have written to a shared tracking server, fetched into the folder of this one."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from pydantic import ValidationError

from ser.errors import SerError, StorageError, StudyError
from ser.results import BASELINE_RESULTS, BaselineResult
from ser.training.checkpoint import add_digests, check_file
from tracking import schema
from tracking.backend.artifacts import open_artifact
from tracking.backend.errors import translate_error, translating_errors
from tracking.backend.queries import FINISHED, search_runs
from tracking.results.baselines import BaselineInputs, BaselineStore, inputs_of, is_readable
from tracking.results.store import ResultStore

_DOWNLOADS = 4
"""Files that are downloaded at the same time: most of the time goes into waiting for the server."""


@dataclass(frozen=True)
class FetchedResults:
    """Results that were looked for on a server.

    Attributes:
        identities: Identities of the folds that were fetched.
        damaged: What is wrong with folds whose every file on the server is damaged or lost, one line each.
    """

    identities: frozenset[str] = frozenset()
    damaged: tuple[str, ...] = ()


def finished_fold_runs(client: MlflowClient, experiment: str, corpus_digest: str) -> dict[str, list[Run]]:
    """Find the finished runs of all folds of a corpus, by fold identity, in one query."""
    runs: dict[str, list[Run]] = {}
    for run in search_runs(client, experiment, FINISHED, ser__kind="fold", ser__corpus_digest=corpus_digest):
        runs.setdefault(run.data.tags.get(schema.FOLD_IDENTITY, ""), []).append(run)
    return runs


def fetch_missing(
    client: MlflowClient,
    experiment: str,
    corpus_digest: str,
    identities: Collection[str],
    store: ResultStore,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FetchedResults:
    """Fetch results that are missing here from a tracking server.

    Args:
        client: The tracking store.
        experiment: Id of the experiment.
        corpus_digest: Digest of the corpus.
        identities: Identities of folds; nothing is asked where all of them have a result here.
        store: The results here.
        progress: Called with the number of files that are fetched, and of those on the server.

    Raises:
        StorageError: The server cannot be used; `UnavailableError` where it may be later.
        StudyError: A result cannot be written here, such as on a full disk.
    """
    missing = frozenset(identities) - store.identities()
    if not missing:
        return FetchedResults()
    with translating_errors("tracking server"):
        runs = finished_fold_runs(client, experiment, corpus_digest)
    present = sorted(missing & runs.keys())
    damaged: dict[str, str] = {}
    with ThreadPoolExecutor(_DOWNLOADS) as threads:
        errors = threads.map(lambda identity: _fetch(client, identity, runs[identity], store), present)
        for number, (identity, error) in enumerate(zip(present, errors, strict=True), 1):
            if error is not None:
                damaged[identity] = error
            progress(number, len(present))
    return FetchedResults(frozenset(present) - damaged.keys(), tuple(damaged.values()))


def _fetch(client: MlflowClient, identity: str, runs: Sequence[Run], store: ResultStore) -> str | None:
    """Save the first whole file among runs of a fold; return what is wrong with the last one where there is none."""
    error_text = None
    for run in runs:
        try:
            with translating_errors("tracking server"), open_artifact(client, run, schema.TRAINED_FOLD) as path:
                result = check_file(path)
                if result.identity != identity:
                    raise SerError(f"{path}: holds the result of another fold, {result.identity}")
                store.put(identity, add_digests(path.read_bytes()))
            return None
        except (StorageError, StudyError):
            raise
        except (SerError, MlflowException, OSError) as error:
            error_text = f"run {run.info.run_id} on the tracking server has no whole result of its fold: {error}"
    return error_text


def fetch_baselines(
    client: MlflowClient,
    experiment: str,
    corpus_digest: str,
    inputs: Collection[BaselineInputs],
    store: BaselineStore,
    searched_runs: set[str],
) -> None:
    """Fetch baselines that are missing here from the runs of finished studies, each of which is downloaded once.

    Args:
        client: The tracking store.
        experiment: Id of the experiment.
        corpus_digest: Digest of the corpus.
        inputs: What the baselines depend on besides, all of one fold scheme.
        store: The baselines here.
        searched_runs: Ids of runs whose baselines are not downloaded again; those that are searched are added.

    Raises:
        StorageError: The server cannot be used; `UnavailableError` where it may be later.
    """
    missing: set[object] = {key for key in inputs if store.find(corpus_digest, *key) is None}
    if not missing:
        return
    tags = {"ser__corpus_digest": corpus_digest, "ser__fold_scheme": next(iter(inputs))[0][0].scheme}
    with translating_errors("tracking server"):
        for run in search_runs(client, experiment, FINISHED, ser__kind="study", **tags):
            if not missing:
                return
            if run.info.run_id in searched_runs:
                continue
            for baseline in download_baselines(client, run):
                if inputs_of(baseline) in missing and is_readable(baseline):
                    store.put(baseline)
                    missing.discard(inputs_of(baseline))
            searched_runs.add(run.info.run_id)


def download_baselines(client: MlflowClient, run: Run) -> Iterator[BaselineResult]:
    """Download the baselines of a study's run, without damaged ones: their own study trains them again."""
    for name, parse in (
        (schema.BASELINE_RESULT, lambda content: (BaselineResult.model_validate_json(content),)),
        (schema.OTHER_BASELINES, BASELINE_RESULTS.validate_json),
    ):
        try:
            with open_artifact(client, run, name) as path:
                yield from parse(path.read_bytes())
        except (MlflowException, OSError, ValidationError) as error:
            if isinstance(translate_error(error), StorageError):
                raise
