"""Cache of fold runs, so that writing a fold needs no search for its run.

A search by tag costs the server as much as writing the fold's curve, and more with every existing run. Runs of all
folds of a configuration are fetched together; the cache is valid as long as no other process writes folds.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from ser.files import file_lock
from tracking import schema
from tracking.backend.artifacts import has_trained_fold
from tracking.backend.queries import is_finished, search_runs

CACHE_TTL_S = 30.0
"""Longest age of cached runs, even if no process on this machine has written since: there may be other machines."""

_LOCKS = 64


@dataclass
class FoldRun:
    """Cached run of a fold.

    Attributes:
        run: The run, or None before one exists.
        complete: True once the run is written to its end.
    """

    run: Run | None = None
    complete: bool = False


@dataclass
class _CachedRuns:
    """Runs of a configuration.

    Attributes:
        fetched_s: Time at which they were fetched, in seconds.
        runs: All runs, of trials and of folds.
        folds: Runs of folds by identity, with what this process has written since.
        unfinished: Runs of folds that are not finished, by identity and start of the training.
    """

    fetched_s: float
    runs: list[Run]
    folds: dict[str, FoldRun] = field(default_factory=dict)
    unfinished: dict[tuple[str, int], Run] = field(default_factory=dict)


class FoldRunCache:
    """Cache of the fold runs of an experiment, of all studies.

    A fold is locked by one of a number of lock files, chosen by its identity. The lock file names its last writer: if
    that is another one, everything that was fetched before is fetched again.

    Args:
        client: The tracking store.
        experiment: Id of the experiment.
        locks: Folder of the lock files, shared by all writers on this machine.
        clock: Returns the time, in seconds.
    """

    def __init__(
        self, client: MlflowClient, experiment: str, locks: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._experiment = experiment
        self._locks = locks
        self._clock = clock
        self._writer_id = uuid4().hex
        self._registered = False
        self._invalidated_at = self._clock()
        self._cached: dict[str, _CachedRuns] = {}
        self._guard = threading.Lock()

    def fetch(self, model: str) -> list[Run]:
        """Fetch all runs of a configuration, of trials and of folds, as they are now.

        Args:
            model: Digest of the configuration.
        """
        self._register()
        return self._fetch(model).runs

    @contextmanager
    def lock_fold(self, identity: str, model: str, started_ms: int) -> Iterator[FoldRun]:
        """Keep all other writers on this machine from writing a fold while the block runs.

        A write that fails in the block may have happened all the same, so that the runs are fetched again next time.

        Args:
            identity: The fold's identity.
            model: Digest of its configuration.
            started_ms: Start of its training. An unfinished run of another training may still be being written, with
                that training's rows: it is not used for this one.

        Yields:
            Its run; the block updates it.
        """
        self._register()
        with self._locked(int(identity, 16) % _LOCKS):
            with self._guard:
                cached = self._cached.get(model)
            if cached is None or not self._is_fresh(cached):
                cached = self._fetch(model)
            try:
                yield cached.folds.setdefault(identity, FoldRun(cached.unfinished.get((identity, started_ms))))
            except BaseException:
                with self._guard:
                    self._cached.pop(model, None)
                raise

    def _register(self) -> None:
        """Name this writer in every lock file before the first fetch, so that only later writers invalidate it."""
        with self._guard:
            if self._registered:
                return
            self._locks.mkdir(parents=True, exist_ok=True)
            for index in range(_LOCKS):
                with self._locked(index):
                    pass
            self._registered = True

    @contextmanager
    def _locked(self, index: int) -> Iterator[None]:
        """Hold a lock file and name this writer in it; invalidate the cache if another writer had it."""
        with file_lock(self._locks / f"folds-{index:02x}.lock") as file:
            file.seek(0)
            if file.read() != self._writer_id:
                self._invalidated_at = self._clock()
                file.truncate(0)
                file.write(self._writer_id)
                file.flush()
            yield

    def _fetch(self, model: str) -> _CachedRuns:
        fetched = _CachedRuns(self._clock(), search_runs(self._client, self._experiment, ser__model=model))
        for run in fetched.runs:
            # Somebody may have changed the kind: to all readers it is no run of a fold then.
            is_fold = run.data.tags.get(schema.KIND) == "fold"
            identity = run.data.tags.get(schema.FOLD_IDENTITY) if is_fold else None
            if identity is not None and is_finished(run):
                # A run whose artifact is lost is written again, to the same rows.
                fetched.folds.setdefault(identity, FoldRun(run, complete=has_trained_fold(run)))
            elif identity is not None and not is_finished(run):
                fetched.unfinished.setdefault((identity, int(run.info.start_time)), run)
        with self._guard:
            fresh = {digest: cached for digest, cached in self._cached.items() if self._is_fresh(cached)}
            self._cached = fresh | {model: fetched}
        return fetched

    def _is_fresh(self, cached: _CachedRuns) -> bool:
        return cached.fetched_s > max(self._invalidated_at, self._clock() - CACHE_TTL_S)
