"""Writers of tiny corpora that are tables."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.corpora import write_wav

if TYPE_CHECKING:
    import audformat


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


def make_database(
    tables: Mapping[str, Sequence[Mapping[str, object]]],
    labels: Mapping[str, object] | None = None,
    split_of: Mapping[str, str] | None = None,
    language: str = "deu",
) -> "audformat.Database":
    """A database in memory: tables of rows with `path`, perhaps `start` and `end` in seconds, and columns.

    A column has a scheme of its name; `labels` are those of some schemes. Tables may be a part of a split.
    """
    import audformat

    database = audformat.Database("made-up", languages=[language])
    for table, rows in tables.items():
        files = [str(row["path"]) for row in rows]
        index = audformat.filewise_index(files)
        if "start" in rows[0]:
            times = [[f"{row[key]}s" if row.get(key) is not None else None for row in rows] for key in ("start", "end")]
            index = audformat.segmented_index(files, *times)
        if part := (split_of or {}).get(table):
            database.splits[part] = audformat.Split(part)
        database[table] = audformat.Table(index, split_id=part)
        for column in rows[0]:
            if column not in ("path", "start", "end"):
                values = [row[column] for row in rows]
                if column not in database.schemes:
                    dtype = "int" if all(isinstance(value, int) for value in values) else "str"
                    own = (labels or {}).get(column)
                    database.schemes[column] = audformat.Scheme(None if own else dtype, labels=own)
                database[table][column] = audformat.Column(scheme_id=column)
                database[table][column].set(values)
    return database


def write_database(root: Path, rows: Sequence[Mapping[str, object]], storage_format: str = "csv") -> Path:
    """A database with the table `utterances`; a row's audio is made where it does not exist."""
    make_database({"utterances": rows}).save(str(root), storage_format=storage_format, update_other_formats=False)
    for seed, row in enumerate(rows):
        if not (path := root / str(row["path"])).exists():
            write_wav(path, seed=seed)
    return root
