"""Corpora in audEERING's audformat, as published with `audb` or self-made.

A database is a header `db.yaml` with tables `db.TABLE.csv` (or `.parquet`); a table's rows are files or
segments of files, and other tables may say more of the same files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser.corpora.audformat_db.columns import Column, Columns, find_columns
from ser.corpora.audformat_db.files import HEADER, read_header, read_table
from ser.corpora.corpus import Annotations
from ser.corpora.label_files import require_folder
from ser.corpora.tabular.annotations import TableSource, build_annotations
from ser.corpora.tabular.rows import Names, Row, RowOptions
from ser.errors import CorpusError

if TYPE_CHECKING:
    import audformat
    import pandas

_EXPECTED = f"its header '{HEADER}' and its tables"

Segment = tuple[str, float | None, float | None]
"""A file, and start and end of a segment of it, in seconds."""


class AudformatOptions(RowOptions):
    """Options of a database. A column is named alone or with its table, as in 'files.speaker'.

    Attributes:
        table: The table (or tables, one per subset of a split) whose rows are the utterances.
        emotion: Column of emotions.
        speaker: Column of speakers.
        session: Column of sessions.
        words: Column of numbers of words.
        voiced_phonemes: Column of numbers of voiced phonemes.
        transcript: Column of transcripts.
        split: Column of subsets of a predefined split; the tables' own splits without it.
    """

    table: Names = None
    emotion: str | None = None
    speaker: str | None = None
    session: str | None = None
    words: str | None = None
    voiced_phonemes: str | None = None
    transcript: str | None = None
    split: str | None = None


DEFAULTS = AudformatOptions()


@dataclass(frozen=True)
class _ColumnValues:
    """Text of a column by segment, and by file where all segments of the file agree."""

    exact: Mapping[Segment, str]
    by_file: Mapping[str, str]

    def get(self, segment: Segment) -> str:
        """Return the text of a segment; empty if there is none."""
        return self.exact.get(segment, self.by_file.get(segment[0], ""))


def load(root: Path, options: AudformatOptions = DEFAULTS) -> Annotations:
    """Read a database's header and the tables that are needed; no audio.

    Args:
        root: The folder that holds `db.yaml`.
        options: Tables and columns, where their names do not tell.

    Returns:
        The annotations; a row that can't be used is skipped and listed.

    Raises:
        ConfigurationError: A table or a column is not there or not the only one that could be meant;
            the text lists those there are.
        CorpusError: There is no such database, package `audformat` is missing, or no row can be used.
    """
    require_folder(root, "an audformat database", _EXPECTED)
    if not (root / HEADER).is_file():
        raise CorpusError(f"{root}: has no {HEADER}; expected an audformat database, with {_EXPECTED}")
    database = read_header(root)
    columns = find_columns(database, options.table, options.model_dump(exclude={"table", *RowOptions.model_fields}))
    frames = {table: read_table(root, database, table) for table in columns.tables_read}
    pickles = sorted(path.name for path in root.glob(f"{Path(HEADER).stem}.*.pkl"))
    ignored = (f"pickled tables ignored, since a pickle can run code: {', '.join(pickles)}",) if pickles else ()
    rows = [row for table in columns.tables for row in _rows(table, root, database, columns, frames)]
    source = TableSource(
        corpus="audformat",
        root=root,
        language=_language(database),
        labels=_labels(database, columns.of[columns.tables[0], "emotion"]),
        notes=columns.notes + ignored,
    )
    return build_annotations(rows, source, options)


def _rows(
    table: str,
    root: Path,
    database: "audformat.Database",
    columns: Columns,
    frames: Mapping[str, "pandas.DataFrame"],
) -> Iterator[Row]:
    """Join the rows of one table with the columns of other tables for the same segment."""
    values = {
        role: _values(frames[column.table], column, _texts(database, column) if role == "transcript" else {})
        for (main, role), column in columns.of.items()
        if main == table
    }
    split = _split(database, table)
    for number, segment in enumerate(_segments(frames[table]), start=1):
        cells = {"path": segment[0], "split": split} | {role: column.get(segment) for role, column in values.items()}
        name = f"table {table}, row {number}"
        yield Row(name, f"{root / HEADER}, {name}", cells, segment[1], segment[2])


def _segments(frame: "pandas.DataFrame") -> list[Segment]:
    """List the segments of a table's index; a whole file has no times."""
    import pandas

    if frame.index.nlevels == 1:
        return [(str(file), None, None) for file in frame.index]
    segments: list[Segment] = []
    for file, start, end in frame.index:
        start_s = 0.0 if pandas.isna(start) else start.total_seconds()
        end_s = None if pandas.isna(end) else end.total_seconds()
        segments.append((str(file), None if start_s == 0 and end_s is None else start_s, end_s))
    return segments


def _values(frame: "pandas.DataFrame", column: Column, texts: Mapping[Any, str]) -> _ColumnValues:
    """Convert a column to text; replace codes by the text they stand for."""
    import pandas

    exact: dict[Segment, str] = {}
    of_file: dict[str, set[str]] = {}
    for segment, value in zip(_segments(frame), frame[column.name], strict=True):
        text = "" if pandas.isna(value) else texts.get(value, str(value))
        exact[segment] = text
        of_file.setdefault(segment[0], set()).add(text)
    return _ColumnValues(exact, {file: next(iter(cells)) for file, cells in of_file.items() if len(cells) == 1})


def _texts(database: "audformat.Database", column: Column) -> Mapping[Any, str]:
    """Map a column's codes to text, where its scheme gives text."""
    scheme = database[column.table].columns[column.name].scheme
    labels = None if scheme is None else scheme.labels
    if not isinstance(labels, dict):
        return {}
    return {code: text for code, text in labels.items() if isinstance(text, str)}


def _labels(database: "audformat.Database", column: Column) -> tuple[str, ...]:
    scheme = database[column.table].columns[column.name].scheme
    return () if scheme is None else tuple(str(label) for label in scheme.labels_as_list)


def _split(database: "audformat.Database", table: str) -> str:
    """Return the subset of a predefined split that a whole table belongs to; empty if there is none."""
    split = database[table].split_id
    return "" if split is None or split not in database.splits else str(database.splits[split].type)


def _language(database: "audformat.Database") -> str | None:
    """Return the database's language as an ISO 639-1 code, if it has exactly one."""
    from iso639 import Lang
    from iso639.exceptions import InvalidLanguageValue

    if len(database.languages) != 1:
        return None
    try:
        return Lang(str(database.languages[0])).pt1 or None
    except InvalidLanguageValue:
        return None
