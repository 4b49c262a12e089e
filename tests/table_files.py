"""Writers of tiny corpora that are tables."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.corpus_files import write_wav


def write_manifest(root: Path, rows: Sequence[Mapping[str, object]], name: str = "manifest.csv") -> Path:
    """A manifest with the columns of its first row; a row's audio is made where it does not exist."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for seed, row in enumerate(rows):
        if not (path := root / str(row["path"])).exists():
            write_wav(path, seed=seed)
    return root
