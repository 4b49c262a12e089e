"""Columns of an audformat database by role: by option, or by an unambiguous name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ser.errors import ConfigurationError, unknown_value_message

if TYPE_CHECKING:
    import audformat

NAMES: Mapping[str, tuple[str, ...]] = {
    "emotion": ("emotion",),
    "speaker": ("speaker",),
    "session": ("session",),
    "words": ("words",),
    "voiced_phonemes": ("voiced_phonemes",),
    "transcript": ("transcript", "transcription"),
    "split": ("split",),
}
"""Names of columns and schemes by role."""

REQUIRED = ("emotion", "speaker")


@dataclass(frozen=True)
class Column:
    """Column of a table."""

    table: str
    name: str

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True)
class Columns:
    """Columns by table and role.

    Attributes:
        tables: The tables whose rows are the utterances.
        of: Column by table and role.
        notes: Columns that were chosen, and ambiguous ones.
    """

    tables: tuple[str, ...]
    of: Mapping[tuple[str, str], Column]
    notes: tuple[str, ...]

    @property
    def tables_read(self) -> tuple[str, ...]:
        """All tables that are needed, in the order of their names."""
        return tuple(sorted({*self.tables, *(column.table for column in self.of.values())}))


def find_columns(
    database: "audformat.Database", tables: Sequence[str] | None, options: Mapping[str, str | None]
) -> Columns:
    """Find the column of each role.

    A column of the utterances' own table goes before one of another table. Without an option, a column
    is found by its name or by the name of its scheme.

    Args:
        database: The database's header.
        tables: The tables whose rows are the utterances; None for the only one with emotions.
        options: Column by role, alone or as 'table.column'; None where it is to be searched.

    Returns:
        The columns; what is not required and not found is missing.

    Raises:
        ConfigurationError: A table or a column is not there, or not the only one; the text lists those
            there are.
    """
    for table in tables or ():
        if table not in database.tables:
            raise _error(f"option table: {unknown_value_message('table', table, database.tables)}", database)
    mains = tuple(tables) if tables else _tables_with_emotions(database, options["emotion"])
    of: dict[tuple[str, str], Column] = {}
    notes: list[str] = []
    for role, option in options.items():
        for main in mains:
            candidates = _candidates(database, main, role, option)
            if len(candidates) == 1:
                of[main, role] = candidates[0]
            elif option is not None or role in REQUIRED:
                raise _error(_ambiguity_message(role, option, main, candidates), database)
            elif candidates:
                listed = ", ".join(map(str, candidates))
                notes.append(f"no column used for {role}: it could be any of {listed} (choose with option {role})")
    listed = ", ".join(f"{role} from {column}" for (_, role), column in of.items())
    return Columns(mains, of, (f"columns used: {listed}", *notes))


def _tables_with_emotions(database: "audformat.Database", option: str | None) -> tuple[str]:
    matching = [table for table in database.tables if _columns_in_table(database, table, "emotion", option)]
    if len(matching) != 1:
        what = f"option emotion: '{option}'" if option is not None else "a column of emotions"
        problem = f"is in {len(matching)} tables ({', '.join(matching)})" if matching else "is in no table"
        raise _error(f"{what} {problem}; name the table with option table, the column with option emotion", database)
    return (matching[0],)


def _candidates(database: "audformat.Database", main: str, role: str, option: str | None) -> list[Column]:
    """List candidate columns: those of the main table, or if it has none, of all other tables."""
    columns = _columns_in_table(database, main, role, option)
    if columns or role == "emotion":
        return columns
    return [
        column
        for table in database.tables
        if table != main
        for column in _columns_in_table(database, table, role, option)
    ]


def _columns_in_table(database: "audformat.Database", table: str, role: str, option: str | None) -> list[Column]:
    """List candidate columns of one table; its own name goes before its scheme's name."""
    columns = database[table].columns
    if option is not None:
        return [Column(table, name) for name in columns if option in (name, f"{table}.{name}")]
    named = [Column(table, name) for name in columns if name in NAMES[role]]
    return named or [Column(table, name) for name, column in columns.items() if column.scheme_id in NAMES[role]]


def _ambiguity_message(role: str, option: str | None, main: str, candidates: Sequence[Column]) -> str:
    what = f"option {role}: '{option}'" if option is not None else f"a column of {role}s for table {main}"
    problem = f"could be any of {', '.join(map(str, candidates))}" if candidates else "is in no table"
    return f"{what} {problem}; name it with option {role}, as column or table.column"


def _error(problem: str, database: "audformat.Database") -> ConfigurationError:
    available = "; ".join(f"{table} ({', '.join(database[table].columns) or 'no column'})" for table in database.tables)
    return ConfigurationError(f"corpus audformat, {problem}; available tables and columns: {available or 'none'}")
