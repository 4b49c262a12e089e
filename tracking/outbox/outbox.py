"""Fold results that still wait to be written to MLflow, one file a fold, on disk before anything else.

A result enters the outbox by an atomic rename and leaves it only after its run is complete, so a
kill at any moment loses nothing: the next start finds the file and writes the run again.
"""

import contextlib
import os
import threading
from pathlib import Path

import psutil

from ser.errors import StudyError

_SUFFIX = ".safetensors"


class Outbox:
    """A folder of trained folds, named by fold identity.

    Args:
        folder: The folder; it is made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, identity: str, content: bytes) -> Path:
        """Keeps a trained fold, durably.

        Args:
            identity: The fold's identity.
            content: The bytes of the trained fold.

        Returns:
            The file.

        Raises:
            StudyError: The file cannot be written, such as for want of space; the text names it.
        """
        path = self._folder / f"{identity}{_SUFFIX}"
        partial = path.with_suffix(f".partial-{os.getpid()}-{threading.get_native_id()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for left in self._folder.glob(f"{identity}.partial-*"):
                # A kill amid the writing left it, unless another study is writing the same fold just now.
                if not psutil.pid_exists(int(left.name.rpartition(".partial-")[2].partition("-")[0])):
                    left.unlink(missing_ok=True)
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            _sync_folder(self._folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise StudyError(
                f"{path}: cannot keep a fold's result ({error.strerror}); free some space, then give the same "
                "command again: only folds that were in hand are trained anew"
            ) from error
        return path

    def pending(self) -> frozenset[str]:
        """Identities of the folds that wait, of any study; another study may let go of its own at any moment."""
        return frozenset(path.stem for path in self._folder.glob(f"*{_SUFFIX}"))

    def read(self, identity: str) -> bytes | None:
        """The content of a file that waits, or None where another study has let go of it since."""
        try:
            return (self._folder / f"{identity}{_SUFFIX}").read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, identity: str) -> None:
        """Lets go of a fold whose run is complete."""
        (self._folder / f"{identity}{_SUFFIX}").unlink(missing_ok=True)

    def quarantine(self, identity: str) -> Path:
        """Takes a file that holds no result out of the way, and keeps it under another name."""
        path = self._folder / f"{identity}{_SUFFIX}"
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        return aside


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
