"""What macOS leaves beside a file on foreign disks, and copies of corpora so often hold."""

from pathlib import Path

_CONTENT = b"\0\5\x16\7\0\2\0\0Mac OS X        "


def write_apple_double(path: Path) -> None:
    """Writes the double `._name` beside a file or folder, which a loader has to leave out."""
    path.with_name(f"._{path.name}").write_bytes(_CONTENT)
