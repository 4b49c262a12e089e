"""A table of the report as files: CSV with unrounded values, LaTeX and Markdown as the page shows it."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_lowercase

import pandas as pd

from ser.files import atomic_write
from tracking.analysis.comparison.caveats import Caveat
from tracking.analysis.escaping import escape_csv, escape_csv_cell, escape_latex, escape_markdown
from tracking.analysis.report.tables.model import Cell, Column, Table, Value


def write_table(table: Table, marks: Sequence[Caveat], folder: Path) -> None:
    """Writes a table as CSV, LaTeX and Markdown.

    Args:
        table: The table.
        marks: The marks of the whole report, which stand below the table.
        folder: Where to write.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([escape_csv(title) for column in table.columns for title in _titles(column)])
    for row in table.rows:
        writer.writerow([value for pair in zip(table.columns, row, strict=True) for value in _values(*pair)])
    atomic_write(folder / f"{table.name}.csv", file.getvalue())
    atomic_write(folder / f"{table.name}.tex", as_latex(table, marks))
    atomic_write(folder / f"{table.name}.md", as_markdown(table, marks))


def write_dataframe(frame: pd.DataFrame, path: Path) -> None:
    """Writes a tidy table as UTF-8 CSV, its names as text."""
    words = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    safe = frame.assign(**{name: frame[name].map(escape_csv_cell) for name in words})
    atomic_write(path, safe.to_csv(index=False))


def _titles(column: Column) -> list[str]:
    return [f"{column.title} low", f"{column.title} high"] if column.interval else [column.title]


def _values(column: Column, cell: Cell) -> list[Value]:
    value = escape_csv_cell(cell.text if cell.value is None else cell.value)
    return [value, "" if cell.high is None else cell.high] if column.interval else [value]


def as_latex(table: Table, marks: Sequence[Caveat]) -> str:
    r"""The table as LaTeX for the package booktabs.

    Args:
        table: The table.
        marks: The marks of the whole report.

    Returns:
        A `table` environment: numbers as the page rounds them, every mark explained below; a mark of
        one row stands there as a letter.
    """
    letters = _footnote_letters(table)
    heads = [_latex_row([escape_latex(column.heading) for column in table.columns])]
    if table.groups:
        heads = [*_latex_groups(table.groups), *heads]
    notes = [rf"\textsuperscript{{{letter}}}~{_latex_note(badge)}" for badge, letter in letters.items()]
    notes += [_latex_note(badge) for badge in marks]
    lines = [
        "% needs \\usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_latex(table.title)}. {escape_latex(table.caption)}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{''.join('r' if column.numeric else 'l' for column in table.columns)}}}",
        r"\toprule",
        *heads,
        r"\midrule",
        *(_latex_row([_latex_cell(cell, letters) for cell in row]) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        *([r"\par\medskip\footnotesize", "\\\\\n".join(notes)] if notes else []),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _latex_row(cells: Sequence[str]) -> str:
    # A row that begins with a bracket would be read as an option of the row before it.
    first = f"{{}}{cells[0]}" if cells[0].startswith(("[", "*")) else cells[0]
    return " & ".join([first, *cells[1:]]) + r" \\"


def _latex_groups(groups: Sequence[tuple[str, int]]) -> list[str]:
    cells, rules, place = [], [], 1
    for group, width in groups:
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escape_latex(group)}}}" if group else " &" * (width - 1))
        if group:
            rules.append(rf"\cmidrule(lr){{{place}-{place + width - 1}}}")
        place += width
    return [_latex_row(cells), " ".join(rules)]


def _latex_cell(cell: Cell, letters: Mapping[Caveat, str]) -> str:
    words = escape_latex(cell.text)
    marked = ",".join(letters[badge] for badge in cell.badges)
    return (rf"\textbf{{{words}}}" if cell.bold else words) + (rf"\textsuperscript{{{marked}}}" if marked else "")


def _latex_note(badge: Caveat) -> str:
    return rf"\emph{{{escape_latex(badge.title)}}}: {escape_latex(badge.text)}"


def as_markdown(table: Table, marks: Sequence[Caveat]) -> str:
    """The table as Markdown, with the same contents as `as_latex`."""
    letters = _footnote_letters(table)
    aligned = ["---:" if column.numeric else "---" for column in table.columns]
    rows = [[_markdown_cell(cell, letters) for cell in row] for row in table.rows]
    lines = [
        f"**{escape_markdown(table.title)}.** {escape_markdown(table.caption)}",
        "",
        _markdown_row([escape_markdown(column.title) for column in table.columns]),
        _markdown_row(aligned),
        *map(_markdown_row, rows),
        "",
        *(f"- ({letter}) {_markdown_note(badge)}" for badge, letter in letters.items()),
        *(f"- {_markdown_note(badge)}" for badge in marks),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: Cell, letters: Mapping[Caveat, str]) -> str:
    words = escape_markdown(cell.text)
    marked = "".join(f" ({letters[badge]})" for badge in cell.badges)
    return (f"**{words}**" if cell.bold else words) + marked


def _markdown_note(badge: Caveat) -> str:
    return f"*{escape_markdown(badge.title)}*: {escape_markdown(badge.text)}"


def _footnote_letters(table: Table) -> dict[Caveat, str]:
    """A letter for every mark that a row of the table bears."""
    badges = dict.fromkeys(badge for row in table.rows for cell in row for badge in cell.badges)
    return dict(zip(badges, ascii_lowercase, strict=False))
