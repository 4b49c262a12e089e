"""Any corpus that is a database in audEERING's audformat, as published with `audb` or self-made.

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
"""A file, and where a segment of it begins and ends, in seconds."""


class AudformatOptions(RowOptions):
    """How a database is read. A column is named alone or with its table, as in 'files.speaker'.

    Attributes:
        table: The table (or tables, one for each part of a split) whose rows are the utterances.
        emotion: Column of emotions.
        speaker: Column of speakers.
        session: Column of sessions.
        words: Column of numbers of words.
        voiced_phonemes: Column of numbers of voiced phonemes.
        transcript: Column of transcripts.
        split: Column of parts of a given split; the tables' own splits when there is none.
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
    """The text of one column by its place, and by its file where all places of that file agree."""

    exact: Mapping[Segment, str]
    by_file: Mapping[str, str]

    def get(self, place: Segment) -> str:
        """The text for a place; empty where there is none."""
        return self.exact.get(place, self.by_file.get(place[0], ""))


def load(root: Path, options: AudformatOptions = DEFAULTS) -> Annotations:
    """Reads a database's header and the tables that are needed; no audio.

    Args:
        root: The folder that holds `db.yaml`.
        options: Which tables and columns are meant, where names do not say it.

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
    rows = [row for table in columns.tables for row in _rows(table, root, database, columns, frames)]
    source = TableSource(
        corpus="audformat",
        root=root,
        language=_language(database),
        labels=_labels(database, columns.of[columns.tables[0], "emotion"]),
        notes=columns.notes,
    )
    return build_annotations(rows, source, options)


def _rows(
    table: str,
    root: Path,
    database: "audformat.Database",
    columns: Columns,
    frames: Mapping[str, "pandas.DataFrame"],
) -> Iterator[Row]:
    """The rows of one table, each with what other tables say of the same place."""
    values = {
        role: _values(frames[column.table], column, _texts(database, column) if role == "transcript" else {})
        for (main, role), column in columns.of.items()
        if main == table
    }
    part = _split(database, table)
    for number, place in enumerate(_places(frames[table]), start=1):
        cells = {"path": place[0], "split": part} | {role: found.get(place) for role, found in values.items()}
        name = f"table {table}, row {number}"
        yield Row(name, f"{root / HEADER}, {name}", cells, place[1], place[2])


def _places(frame: "pandas.DataFrame") -> list[Segment]:
    """Files and segments of a table's index; a segment that is the whole file has no times."""
    import pandas

    if frame.index.nlevels == 1:
        return [(str(file), None, None) for file in frame.index]
    places: list[Segment] = []
    for file, start, end in frame.index:
        start_s = 0.0 if pandas.isna(start) else start.total_seconds()
        end_s = None if pandas.isna(end) else end.total_seconds()
        places.append((str(file), None if start_s == 0 and end_s is None else start_s, end_s))
    return places


def _values(frame: "pandas.DataFrame", column: Column, texts: Mapping[Any, str]) -> _ColumnValues:
    """A column as text; codes that stand for a text are replaced by it."""
    import pandas

    exact: dict[Segment, str] = {}
    of_file: dict[str, set[str]] = {}
    for place, value in zip(_places(frame), frame[column.name], strict=True):
        text = "" if pandas.isna(value) else texts.get(value, str(value))
        exact[place] = text
        of_file.setdefault(place[0], set()).add(text)
    return _ColumnValues(exact, {file: next(iter(found)) for file, found in of_file.items() if len(found) == 1})


def _texts(database: "audformat.Database", column: Column) -> Mapping[Any, str]:
    """What a column's codes stand for, where its scheme says it in words."""
    scheme = database[column.table].columns[column.name].scheme
    labels = None if scheme is None else scheme.labels
    if not isinstance(labels, dict):
        return {}
    return {code: text for code, text in labels.items() if isinstance(text, str)}


def _labels(database: "audformat.Database", column: Column) -> tuple[str, ...]:
    scheme = database[column.table].columns[column.name].scheme
    return () if scheme is None else tuple(str(label) for label in scheme.labels_as_list)


def _split(database: "audformat.Database", table: str) -> str:
    """The part of a given split that a whole table belongs to; empty where there is none."""
    part = database[table].split_id
    return "" if part is None or part not in database.splits else str(database.splits[part].type)


def _language(database: "audformat.Database") -> str | None:
    """The database's language as an ISO 639-1 code, where it has one."""
    from iso639 import Lang
    from iso639.exceptions import InvalidLanguageValue

    if len(database.languages) != 1:
        return None
    try:
        return Lang(str(database.languages[0])).pt1 or None
    except InvalidLanguageValue:
        return None
