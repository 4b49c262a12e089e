"""Store of results: one file per finished fold, named by the fold's identity, written once and never changed.

A result enters the store by an atomic rename, durably, before anything refers to it. MLflow and Optuna show what is
here, and can be written again from it at any time.
"""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ser.errors import SerError, StudyError
from ser.files import NO_SPACE, atomic_write
from ser.results import FoldResult
from ser.training.checkpoint import StoredFold, check_file, read_fold, read_result

if TYPE_CHECKING:
    from ser.training.trainer import TrainedFold

_SUFFIX = ".safetensors"

_CHECK_THREADS = 4
"""Files that are checked at the same time: digests are computed without Python's lock."""


class ResultStore:
    """Folder of trained folds, of all studies of a data directory.

    Args:
        folder: The folder; it is created with its first result.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, identity: str) -> Path:
        """Path of a fold's file, which need not exist."""
        return self._folder / f"{identity}{_SUFFIX}"

    def identities(self) -> frozenset[str]:
        """List the identities of all folds that have a file."""
        return frozenset(path.stem for path in self._folder.glob(f"*{_SUFFIX}"))

    def put(self, identity: str, content: bytes) -> Path:
        """Save a trained fold, durably; an existing file stays as it is.

        Raises:
            StudyError: The file cannot be written, such as on a full disk; the message names it.
        """
        path = self.path(identity)
        if path.is_file():
            return path
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            atomic_write(path, content, durable=True, replace=False)
        except OSError as error:
            remedy = "; free disk space and rerun the command: only running folds are lost"
            text = f"{path}: cannot save a fold result ({error.strerror})"
            raise StudyError(text + (remedy if error.errno in NO_SPACE else "")) from error
        return path

    def result(self, identity: str) -> FoldResult:
        """Read the result of a fold.

        Raises:
            SerError: The file is missing or damaged, or holds another fold; the message names it.
        """
        return _of_identity(identity, read_result(self.path(identity)), self.path(identity))

    def fold(self, identity: str) -> StoredFold:
        """Read a fold's result, with the path of its file; errors as for `result`."""
        return StoredFold(self.result(identity), self.path(identity))

    def trained(self, identity: str) -> "TrainedFold":
        """Read a trained fold, with its weights.

        Raises:
            SerError: The file is missing or damaged, or holds another fold; the message names it.
        """
        path = self.path(identity)
        trained = read_fold(path)
        _of_identity(identity, trained.result, path)
        return trained

    def find_damaged(
        self, identities: Collection[str], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> dict[str, str]:
        """Compare files with their digests.

        Args:
            identities: Identities of folds; those without a file are passed over.
            progress: Called with the files read and their number.

        Returns:
            What is wrong, in one line that names the file, by identity of each fold whose file is damaged.
        """
        present = sorted(self.identities().intersection(identities))
        damaged = {}
        with ThreadPoolExecutor(_CHECK_THREADS) as threads:
            for number, (identity, error) in enumerate(zip(present, threads.map(self._check, present), strict=True), 1):
                if error is not None:
                    damaged[identity] = error
                progress(number, len(present))
        return damaged

    def _check(self, identity: str) -> str | None:
        path = self.path(identity)
        try:
            _of_identity(identity, check_file(path), path)
        except SerError as error:
            # One that was moved aside meanwhile is no finding.
            return str(error) if path.exists() else None
        return None

    def move(self, identity: str, folder: Path) -> Path:
        """Move a fold's file to another folder, so that it is a result no more.

        Args:
            identity: The fold's identity.
            folder: A folder on the same file system; it is created where it is missing.

        Returns:
            The new path; nothing that is there is replaced.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = self.path(identity)
        names = (path.name if number == 0 else f"{path.stem}-{number}{path.suffix}" for number in count())
        target = next(folder / name for name in names if not (folder / name).exists())
        return path.rename(target)


def _of_identity(identity: str, result: FoldResult, path: Path) -> FoldResult:
    if result.identity != identity:
        raise SerError(f"{path}: holds the result of another fold, {result.identity}")
    return result
