"""Safe reading of an audformat database: no pickled table, no code in its header.

Package `audformat` prefers a pickled table where there is one, and reads headers with a YAML loader
that can call functions. A corpus is data, so its header is read as plain YAML, and its tables through
links to their CSV or Parquet files alone, which also keeps the package from writing into the corpus.
Table names become parts of file names, so they may not contain separators, and a table's file may not
be a link that leaves the folder.
"""

import re
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser.errors import AnnotationError, CorpusError

if TYPE_CHECKING:
    import audformat
    import pandas

HEADER = "db.yaml"
TABLE_SUFFIXES = (".parquet", ".csv")

_UNSAFE_NAME = re.compile(r"[/\\\x00-\x1f\x7f]")

# What the package raises where a header or a table is not what it expects; it promises no kinds.
_UNEXPECTED = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RuntimeError,
    AssertionError,
    ArithmeticError,
)


def read_header(root: Path) -> "audformat.Database":
    """Read a database's header; no table.

    Raises:
        CorpusError: Package `audformat` is missing.
        AnnotationError: The header is not that of a database.
    """
    if find_spec("audformat") is None:
        raise CorpusError(
            f"{root}: audformat databases are read by package audformat, which is missing: "
            "pip install 'ser-studies[audformat]'"
        )
    import audformat
    import yaml

    path = root / HEADER
    try:
        header = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or _first_line(error)
        raise AnnotationError(path, mark.line + 1 if mark else None, f"plain YAML ({problem})") from error
    except (OSError, ValueError, RecursionError) as error:
        raise AnnotationError(path, None, f"a readable YAML file ({_first_line(error)})") from error
    if not isinstance(header, dict):
        raise AnnotationError(path, 1, "the header of an audformat database, with its tables and schemes")
    try:
        database = audformat.Database.load_header_from_yaml(header)
        _check_table_names(database, path)
        _resolve_schemes(database)
    except _UNEXPECTED as error:
        raise AnnotationError(path, None, f"the header of an audformat database ({_first_line(error)})") from error
    return database


def _check_table_names(database: "audformat.Database", path: Path) -> None:
    """Refuse table names that are no plain file names: `db.NAME.csv` must lie in the database's folder."""
    for name in (*database.tables, *database.misc_tables):
        if not isinstance(name, str) or _UNSAFE_NAME.search(name):
            raise AnnotationError(path, None, f"table names without '/', '\\' and control characters, found {name!r}")


def _resolve_schemes(database: "audformat.Database") -> None:
    """Look up all schemes and tables that the header refers to, so that a wrong name fails here."""
    for table in (*database.tables.values(), *database.misc_tables.values()):
        for column in table.columns.values():
            scheme = column.scheme
            if scheme is not None and scheme.uses_table:
                database.misc_tables[scheme.labels]


def read_table(root: Path, database: "audformat.Database", table: str) -> "pandas.DataFrame":
    """Read one table.

    Returns:
        Its rows; the index has the file, and in a segmented table the segment's start and end.

    Raises:
        AnnotationError: The table has no file that can be read.
    """
    for column in database[table].columns.values():
        scheme = column.scheme
        if scheme is not None and scheme.uses_table:
            _load(root, database.misc_tables[scheme.labels], scheme.labels)
    return _load(root, database[table], table)


def _load(root: Path, table: Any, name: str) -> "pandas.DataFrame":
    stem = f"{Path(HEADER).stem}.{name}"
    paths = [path for suffix in TABLE_SUFFIXES if (path := root / f"{stem}{suffix}").is_file()]
    if not paths:
        pickled = root / f"{stem}.pkl"
        hint = "; its pickled form is not read, since that can run any code" if pickled.is_file() else ""
        raise AnnotationError(root / HEADER, None, f"table '{name}' in a file {stem}.csv or {stem}.parquet{hint}")
    path = paths[0]
    if path.resolve().parent != root.resolve():
        raise AnnotationError(root / HEADER, None, f"table '{name}' in its folder, found a link to {path.resolve()}")
    with tempfile.TemporaryDirectory(prefix="ser-table-") as folder:
        # A name of our own: there is no pickle beside it, whatever the table is called.
        Path(folder, f"table{path.suffix}").symlink_to(path.resolve())
        try:
            table.load(str(Path(folder, "table")))
        except _UNEXPECTED as error:
            raise AnnotationError(path, None, f"table '{name}' of its header ({_first_line(error)})") from error
    frame: pandas.DataFrame = table.df
    return frame


def _first_line(error: Exception) -> str:
    """Describe an error on one line; many errors of the package are clear only with their type."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
