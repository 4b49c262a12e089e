"""Folders that appear whole or not at all."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def draft_beside(root: Path) -> Iterator[Path]:
    """A place beside a folder to write it in, before it is renamed.

    Args:
        root: The folder that shall appear; its parents are made.

    Yields:
        A path that does not exist yet; what is left of it at the end is removed.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    draft = root.parent / f".{root.name}-{uuid.uuid4().hex}"
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
