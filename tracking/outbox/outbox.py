"""Durable queue of fold results that are not in MLflow yet, one file per fold.

A result enters the outbox by an atomic rename and leaves it only after its run is complete, so that a
kill at any moment loses nothing: the next start finds the file and writes the run again.
"""

from pathlib import Path

from ser.errors import StudyError
from ser.files import atomic_write

_SUFFIX = ".safetensors"


class Outbox:
    """Folder of trained folds, named by fold identity.

    Args:
        folder: The folder; it is created if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, identity: str, content: bytes) -> Path:
        """Save a trained fold, durably.

        Args:
            identity: The fold's identity.
            content: The bytes of the trained fold.

        Returns:
            Path of the file.

        Raises:
            StudyError: The file cannot be written, such as on a full disk; the message names it.
        """
        path = self._folder / f"{identity}{_SUFFIX}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            atomic_write(path, content, durable=True)
        except OSError as error:
            raise StudyError(
                f"{path}: cannot save a fold result ({error.strerror}); free disk space and rerun the command: "
                "only running folds are lost"
            ) from error
        return path

    def pending(self) -> frozenset[str]:
        """List the identities of queued folds, of any study; another study may remove its own at any moment."""
        return frozenset(path.stem for path in self._folder.glob(f"*{_SUFFIX}"))

    def read(self, identity: str) -> bytes | None:
        """Read a queued fold; None where another study has removed it since."""
        try:
            return (self._folder / f"{identity}{_SUFFIX}").read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, identity: str) -> None:
        """Remove a fold whose run is complete."""
        (self._folder / f"{identity}{_SUFFIX}").unlink(missing_ok=True)

    def quarantine(self, identity: str) -> Path:
        """Rename a file that holds no result, so that it is not read again; return its new path."""
        path = self._folder / f"{identity}{_SUFFIX}"
        quarantined = path.with_suffix(".damaged")
        path.replace(quarantined)
        return quarantined
