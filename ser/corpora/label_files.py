"""Folders and text of label files."""

import os
import re
from pathlib import Path

from ser.errors import AnnotationError, CorpusError

SYNTHETIC_MARKER = "synthetic.json"
"""Marker file of a folder with synthetic speech, so that it is not taken for a recorded corpus."""

_LINE_END = re.compile(r"\r\n|\r|\n")


def require_folder(root: Path, corpus: str, expected: str) -> None:
    """Refuse a root folder that is missing, is a file or is empty.

    Args:
        root: The folder that the user named.
        corpus: Readable name of the corpus.
        expected: What the folder should hold, such as 'the folders wav and lablaut'.

    Raises:
        CorpusError: The folder cannot be the corpus, or cannot be read.
    """
    try:
        if not root.exists():
            raise CorpusError(f"{root}: no such folder; expected {corpus}, with {expected}")
        if not root.is_dir():
            raise CorpusError(f"{root}: is a file; expected the folder of {corpus}, with {expected}")
        if not any(root.iterdir()):
            raise CorpusError(f"{root}: is empty; expected {corpus}, with {expected}")
    except OSError as error:
        raise _unreadable(root, error) from error


def files_by_stem(folder: Path, suffix: str) -> dict[str, Path]:
    """List the files of a folder by name without suffix; macOS metadata files (`._*`) are left out.

    Args:
        folder: The folder; one that does not exist has no files.
        suffix: Ending with its dot, compared without regard to case.

    Returns:
        Paths by stem, sorted by stem.

    Raises:
        CorpusError: The folder cannot be read.
    """
    try:
        names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - names, a hundred thousand of them
    except OSError as error:
        raise _unreadable(folder, error) from error
    matching = sorted(name for name in names if name.lower().endswith(suffix) and not name.startswith("._"))
    return {name[: -len(suffix)]: folder / name for name in matching}


def _unreadable(folder: Path, error: OSError) -> CorpusError:
    return CorpusError(f"{folder}: expected a folder that can be read ({error.strerror})")


def label_lines(text: str) -> list[str]:
    """Split a label file into lines that end as on Unix, Windows or old Macs.

    `str.splitlines` would also divide at byte 0x85, which stands for three dots in Windows' encoding.
    """
    return _LINE_END.split(text)


def read_label_text(path: Path) -> str:
    """Read a label file as latin-1, in which every byte is a character.

    Raises:
        AnnotationError: The file cannot be read.
    """
    try:
        return path.read_text(encoding="latin-1")
    except OSError as error:
        raise AnnotationError(path, None, f"a readable file ({error.strerror})") from error
