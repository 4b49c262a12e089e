"""Files that appear whole or not at all, lock files, digests, and JSON that somebody else may have changed."""

import contextlib
import errno
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from ser.errors import StorageError

DIGEST_BLOCK_BYTES = 2**24
"""Digests of stores and checkpoints depend on it."""

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a full disk, a quota and a limit on file sizes."""

_PARTIAL = ".partial-"
_HOST = hashlib.sha256(os.uname().nodename.encode()).hexdigest()[:8]
_DRAFT_END = re.compile(rf"(\d+)-\d+-{_HOST}")
"""Process, thread and machine of a draft: on a shared file system a number may be that of another machine's process."""

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def atomic_write(path: Path, data: bytes | str, durable: bool = False, replace: bool = True) -> None:
    """Write a file beside its path and rename it, so that a reader sees the old file or the new one, never a part.

    With `durable`, drafts that killed processes of this machine left for the same file are removed.

    Args:
        path: The file, in a folder that exists.
        data: Its content; text is written as UTF-8, its line ends as they are.
        durable: Whether content and name are on the disk when the call returns, so that a power cut loses neither.
        replace: Whether a file that is there is replaced; else it stays, also one that appears meanwhile.

    Raises:
        OSError: The file cannot be written; nothing is left of the draft.
    """
    if durable:
        _remove_drafts_of_dead_processes(path.with_suffix(""))
    draft = _draft_of(path.with_suffix(""))
    content = data.encode() if isinstance(data, str) else data
    try:
        if durable:
            with fsynced_file(draft) as file:
                file.write(content)
        else:
            draft.write_bytes(content)
        if replace:
            draft.replace(path)
        else:
            _publish(draft, path)
        if durable:
            fsync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def link_or_copy(source: Path, target: Path) -> None:
    """Put a file that never changes at a second path, as a hard link where the file system allows it.

    Args:
        source: The file.
        target: The second path; what is there is replaced at once, so that a reader sees the old file or the new one.
    """
    if target.exists() and target.samefile(source):
        return
    draft = _draft_of(target)
    try:
        draft.unlink(missing_ok=True)
        os.link(source, draft)
        draft.replace(target)
    except OSError:
        # Another file system, or one without hard links.
        atomic_write(target, source.read_bytes())
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def _publish(draft: Path, path: Path) -> None:
    """Give a draft its name unless the name is taken; on file systems without hard links a taken name is replaced."""
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError:
        draft.replace(path)
        return
    draft.unlink()


@contextmanager
def durable_folder(path: Path) -> Iterator[Path]:
    """Provide a draft beside a folder, and rename it at the end, so that the folder appears whole or not at all.

    Its files and names are on the disk when the block ends. Drafts that killed processes of this machine left for the
    same folder are removed.

    Args:
        path: The new folder; its parents are made.

    Yields:
        The draft, an empty folder.

    Raises:
        OSError: The folder cannot be written, or holds something by now; nothing is left of the draft.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Hidden: who looks for folders finds whole ones.
    base = path.with_name(f".{path.name}")
    _remove_drafts_of_dead_processes(base)
    draft = _draft_of(base)
    try:
        draft.mkdir()
        yield draft
        for entry in (*draft.rglob("*"), draft):
            fsync(entry)
        draft.rename(path)
        fsync(path.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


@contextmanager
def fsynced_file(path: Path, append: bool = False) -> Iterator[BinaryIO]:
    """Open a new file, or the end of a file, whose content is on the disk when the block ends."""
    with path.open("ab" if append else "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def fsync(path: Path) -> None:
    """Put the content of a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def parse_json_object(content: bytes) -> dict[str, Any]:
    """Parse the JSON object of a file that may be empty, damaged or hostile.

    Returns:
        The object's values by name.

    Raises:
        ValueError: The bytes are no JSON object, or one that is nested too deeply; the text is one line.
    """
    if not content.strip():
        raise ValueError("it is empty")
    try:
        value = json.loads(content)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not JSON") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} in line {error.lineno}") from None
    except ValueError:
        # Python converts no number of more than 4300 digits.
        raise ValueError("it holds a number with too many digits") from None
    if not isinstance(value, dict):
        raise ValueError("its JSON is not an object")
    return value


def folder_digest(folder: Path) -> str:
    """Compute a digest of all files in a folder, their names included: 32 hex digits."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:32]


def block_digests(path: Path) -> list[str]:
    """Compute the SHA-256 of each block of a large file, several at a time: hex digits."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(partial(_digest_block, path), range(0, path.stat().st_size, DIGEST_BLOCK_BYTES)))


def _digest_block(path: Path, start: int) -> str:
    with path.open("rb") as file:
        file.seek(start)
        return hashlib.sha256(file.read(DIGEST_BLOCK_BYTES)).hexdigest()


@contextmanager
def file_lock(path: Path, blocking: bool = True, shared: bool = False) -> Iterator[TextIO]:
    """Hold a lock file while the block runs; the system frees it when the process ends, however it ends.

    Args:
        path: The lock file; it stays. An exclusive lock makes it where it is missing, a shared one only reads it.
        blocking: Whether to wait for a lock that another process holds.
        shared: Whether others may hold it shared at the same time.

    Yields:
        The open file, at its end.

    Raises:
        BlockingIOError: Another process holds the lock, and `blocking` is false.
        StorageError: The file system has no locks.
    """
    if not shared:
        path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r" if shared else "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if blocking else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            raise StorageError(
                f"{path}: its file system has no file locks ({error.strerror}); use a home on one that has, such as a "
                "local disk: --home FOLDER (with make: SER_HOME=FOLDER)"
            ) from error
        yield file


def _draft_of(base: Path) -> Path:
    return base.with_name(f"{base.name}{_PARTIAL}{os.getpid()}-{threading.get_native_id()}-{_HOST}")


def _remove_drafts_of_dead_processes(base: Path) -> None:
    for draft in base.parent.glob(f"{glob.escape(base.name)}{_PARTIAL}*"):
        process = _DRAFT_END.fullmatch(draft.name.rpartition(_PARTIAL)[2])
        if process is None or _is_running(int(process[1])):
            continue
        # A draft that cannot be removed, such as another user's, is in nobody's way.
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                draft.unlink()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # Another user's.
        return True
    return True
