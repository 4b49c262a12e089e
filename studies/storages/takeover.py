"""Takeover of results from before there was a folder of results: once, when a data directory is first opened to write.

These results are among the artifacts of MLflow's runs, or in a folder `outbox` that was emptied into them. Each one is
in the folder of results before anything else is changed, so that a kill loses nothing, and the next start goes on.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from ser.errors import SerError
from ser.feature_settings import LogMelSettings
from ser.files import atomic_write, file_lock
from ser.results import BaselineResult
from ser.training.checkpoint import add_digests, parse_result
from studies.storages.home import Home
from tracking import schema
from tracking.results.baselines import BaselineStore
from tracking.results.store import ResultStore

MARKER = "taken-over.txt"
"""File in the folder of results which says that all results of an earlier version are there."""

_QUEUED = "*.safetensors"


def take_over_results(
    home: Home, notify: Callable[[str], None], progress_bar: Callable[[str], Callable[[int, int], None]]
) -> None:
    """Take over the results of an earlier version, unless that is done.

    A file among the artifacts becomes a hard link to the result, so that it takes no room of its own; where the file
    system has no hard links, it stays.

    Args:
        home: The data directory.
        notify: Called with one line for each damaged file, and with the number of results in the end.
        progress_bar: Opens a progress bar of a name; it is called with the number done and the total.

    Raises:
        StudyError: A result cannot be written, such as on a full disk; the message names it.
        StorageError: MLflow's database in the directory cannot be read.
    """
    if not _is_due(home):
        return
    if not os.access(home.root, os.W_OK):
        notify(
            f"{home.root} cannot be written, so its results of an earlier version are not shown; to see them, copy it "
            "and run the command on the copy"
        )
        return
    with _locked(home.lock("takeover"), notify):
        if not _is_due(home):
            return
        count = _Takeover(home, notify).run(progress_bar("taking over results of an earlier version"))
        home.results.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        text = f"All results of earlier versions are in this folder since {now}.\n"
        atomic_write(home.results / MARKER, text, durable=True)
        if count:
            notify(f"took over {count} results of an earlier version: {home.results}")


def _is_due(home: Home) -> bool:
    if not home.root.is_dir():
        # A command that only looks makes no data directory.
        return False
    return not (home.results / MARKER).is_file() or any(home.outbox.glob(_QUEUED))


@contextmanager
def _locked(lock: Path, notify: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock file while the block runs; say so where another process has it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(lock, blocking=False))
        except BlockingIOError:
            notify("waiting for another process that takes over results of an earlier version")
            stack.enter_context(file_lock(lock))
        yield


class _Takeover:
    """Takeover of the files of a data directory."""

    def __init__(self, home: Home, notify: Callable[[str], None]) -> None:
        self._home = home
        self._notify = notify
        self._store = ResultStore(home.results)
        self._baselines = BaselineStore(home.results)

    def run(self, progress: Callable[[int, int], None]) -> int:
        """Take over all files that are no links to results yet; return the number of new results."""
        # Files of the outbox first: they were written durably.
        steps = [(self._take_over_queued, path) for path in sorted(self._home.outbox.glob(_QUEUED))]
        if not (self._home.results / MARKER).is_file():
            folds = self._without_links(self._artifacts(schema.TRAINED_FOLD))
            steps += [(self._take_over_artifact, path) for path in folds]
            steps += [(self._take_over_baseline, path) for path in self._artifacts(schema.BASELINE_RESULT)]
        before = self._store.identities()
        for number, (take_over, path) in enumerate(steps, start=1):
            take_over(path)
            progress(number, len(steps))
        return len(self._store.identities() - before)

    def _artifacts(self, name: str) -> list[Path]:
        """List the artifacts of a name, without those of runs that count no more."""
        # Imports MLflow, which nothing else needs that only reads results.
        from tracking.backend.local_database import find_discarded_runs

        discarded = find_discarded_runs(self._home.root / "mlflow.db")
        paths = sorted(self._home.artifacts.glob(f"*/*/artifacts/{name}"))
        return [path for path in paths if path.parent.parent.name not in discarded]

    def _without_links(self, paths: list[Path]) -> list[Path]:
        """Select the files that an earlier takeover, which was killed, has not made links to results."""
        stored = {_file_number(self._store.path(identity)) for identity in self._store.identities()}
        return [path for path in paths if _file_number(path) not in stored]

    def _take_over_queued(self, path: Path) -> None:
        """Move a file of the outbox to the results, or to the trash where it is damaged or its fold has a result."""
        content = self._read(path)
        if content is not None and self._put(content) is not None:
            path.unlink()
            return
        ResultStore(self._home.outbox).move(path.stem, self._home.trash)

    def _take_over_artifact(self, path: Path) -> None:
        """Save the result of an artifact, and make the artifact a link to it."""
        content = self._read(path)
        stored = None if content is None else self._put(content)
        if stored is not None:
            _replace_by_link(path, stored)

    def _take_over_baseline(self, path: Path) -> None:
        try:
            baseline = BaselineResult.model_validate_json(path.read_bytes())
        except ValueError:
            self._notify(f"{path}: not a baseline; it is computed again")
            return
        if "features" not in baseline.model_fields_set and baseline.corpus.digest in self._corpora_of_other_features:
            # Earlier versions did not write which front end a baseline is of. It is computed again within seconds.
            return
        key = (baseline.corpus.digest, baseline.folds, baseline.normalisation, baseline.features)
        if self._baselines.find(*key) is None:
            self._baselines.put(baseline)

    @cached_property
    def _corpora_of_other_features(self) -> frozenset[str]:
        """Digests of the corpora that have results with other features than a front end's usual ones."""
        digests = set()
        for identity in self._store.identities():
            # A damaged result is named where it is used.
            with suppress(SerError):
                result = self._store.result(identity)
                if result.configuration.features != LogMelSettings():
                    digests.add(result.corpus.digest)
        return frozenset(digests)

    def _read(self, path: Path) -> bytes | None:
        """Read a trained fold, with digests; None for a damaged file, which is named."""
        try:
            return add_digests(path.read_bytes())
        except SerError as error:
            self._notify(f"{path}: {error}; its fold is trained again")
            return None

    def _put(self, content: bytes) -> Path | None:
        """Save a result, unless its fold has one; return its file if it holds this very result."""
        path = self._store.path(parse_result(content).identity)
        is_new = not path.is_file()
        self._store.put(path.stem, content)
        return path if is_new or path.read_bytes() == content else None


def _file_number(path: Path) -> tuple[int, int]:
    """Device and number of a file, equal for all its hard links."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _replace_by_link(path: Path, target: Path) -> None:
    """Replace a file by a hard link to another one, at once; it stays where the file system has no hard links."""
    draft = path.with_name(f".{path.name}.link")
    draft.unlink(missing_ok=True)
    with suppress(OSError):
        draft.hardlink_to(target)
        draft.replace(path)
