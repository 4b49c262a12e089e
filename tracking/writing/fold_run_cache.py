"""Which runs there are of a fold that is about to be written, without asking the server for every one.

A search by tag costs the server as much as writing the fold's curve, and more with every run that there is. Runs of all
folds of one configuration are asked for together; the answer holds as long as nobody else writes folds.
"""

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tracking import schema
from tracking.backend.artifacts import has_result_artifact
from tracking.backend.queries import is_finished, search_runs

CACHE_TTL_S = 30.0
"""Time for which an answer holds, though nobody on this machine has written since: there may be other machines."""

_GROUPS = 64


@dataclass
class FoldRun:
    """A fold's run, as far as it is known.

    Attributes:
        run: The run, or None where there is none.
        whole: Whether it was written to its end.
    """

    run: Run | None = None
    complete: bool = False


@dataclass
class _CachedRuns:
    """All runs of one configuration, when they were asked for, and what has become of its folds since."""

    asked_s: float
    runs: list[Run]
    folds: dict[str, FoldRun] = field(default_factory=dict)
    begun: dict[tuple[str, int], Run] = field(default_factory=dict)
    """Runs of folds that are not finished, by identity and begin of the training."""


class FoldRunCache:
    """The runs of folds in one experiment, whichever study has written them.

    Folds are locked in groups, by their identity. A group's lock file names whoever has written last under it: where
    that is somebody else, all that was known before is asked for again.

    Args:
        client: The tracking store.
        experiment: Id of the experiment.
        locks: Folder of lock files that all who write folds on this machine share.
        clock: Tells the time, in seconds.
    """

    def __init__(
        self, client: MlflowClient, experiment: str, locks: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._experiment = experiment
        self._locks = locks
        self._clock = clock
        self._own = uuid4().hex
        self._claimed = False
        self._invalidated_at = self._clock()
        self._answers: dict[str, _CachedRuns] = {}
        self._guard = threading.Lock()

    def fetch(self, model: str) -> list[Run]:
        """All runs of a configuration, of trials and of folds, as they are now.

        Args:
            model: Digest of the configuration.
        """
        self._register()
        return self._ask(model).runs

    @contextmanager
    def lock_fold(self, identity: str, model: str, started_ms: int) -> Iterator[FoldRun]:
        """Keeps all others on this machine from writing a fold while the block runs.

        What goes wrong in the block may have come to be all the same, so that it is asked for again next time.

        Args:
            identity: The fold's identity.
            model: Digest of its configuration.
            started_ms: When its training began. Of a run that another training has begun nobody here knows whether it
                is still being written, and whose rows are in it: it is not this fold's.

        Yields:
            Its run; the block notes there what it makes of it.
        """
        self._register()
        with self._locked(int(identity, 16) % _GROUPS):
            with self._guard:
                answer = self._answers.get(model)
            if answer is None or not self._is_fresh(answer):
                answer = self._ask(model)
            try:
                yield answer.folds.setdefault(identity, FoldRun(answer.begun.get((identity, started_ms))))
            except BaseException:
                with self._guard:
                    self._answers.pop(model, None)
                raise

    def _register(self) -> None:
        """Names this writer in every group, before anything is asked for, so that only later ones disturb it."""
        with self._guard:
            if self._claimed:
                return
            self._locks.mkdir(parents=True, exist_ok=True)
            for group in range(_GROUPS):
                with self._locked(group):
                    pass
            self._claimed = True

    @contextmanager
    def _locked(self, group: int) -> Iterator[None]:
        """Locks a group, and notes there that this one has it, and here if it was somebody else's."""
        with (self._locks / f"folds-{group:02x}.lock").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if file.read() != self._own:
                self._invalidated_at = self._clock()
                file.truncate(0)
                file.write(self._own)
                file.flush()
            yield

    def _ask(self, model: str) -> _CachedRuns:
        answer = _CachedRuns(self._clock(), search_runs(self._client, self._experiment, ser__model=model))
        for run in answer.runs:
            identity = run.data.tags.get(schema.FOLD_IDENTITY)
            if identity is not None and is_finished(run) and has_result_artifact(run):
                answer.folds.setdefault(identity, FoldRun(run, complete=True))
            elif identity is not None and not is_finished(run):
                answer.begun.setdefault((identity, int(run.info.start_time)), run)
        with self._guard:
            self._answers = {each: kept for each, kept in self._answers.items() if self._is_fresh(kept)}
            self._answers[model] = answer
        return answer

    def _is_fresh(self, answer: _CachedRuns) -> bool:
        return answer.asked_s > max(self._invalidated_at, self._clock() - CACHE_TTL_S)
