"""Export of tables: CSV with unrounded values, LaTeX and Markdown with those of the page."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_lowercase

import pandas as pd

from ser.files import atomic_write
from tracking.analysis.comparison.caveats import Caveat
from tracking.analysis.escaping import escape_csv, escape_csv_cell, escape_latex, escape_markdown
from tracking.analysis.report.tables.rendering.model import Cell, Column, Table, Value


def write_table(table: Table, caveats: Sequence[Caveat], folder: Path) -> None:
    """Write a table as CSV, LaTeX and Markdown.

    Args:
        table: The table.
        caveats: Caveats of the whole report, for the notes below the table.
        folder: Folder of the files.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([escape_csv(title) for column in table.columns for title in _titles(column)])
    for row in table.rows:
        writer.writerow([value for pair in zip(table.columns, row, strict=True) for value in _values(*pair)])
    atomic_write(folder / f"{table.name}.csv", file.getvalue())
    atomic_write(folder / f"{table.name}.tex", to_latex(table, caveats))
    atomic_write(folder / f"{table.name}.md", to_markdown(table, caveats))


def write_dataframe(frame: pd.DataFrame, path: Path) -> None:
    """Write a tidy table as UTF-8 CSV, with texts escaped."""
    text_columns = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    safe = frame.assign(**{name: frame[name].map(escape_csv_cell) for name in text_columns})
    atomic_write(path, safe.to_csv(index=False))


def _titles(column: Column) -> list[str]:
    return [f"{column.title} low", f"{column.title} high"] if column.interval else [column.title]


def _values(column: Column, cell: Cell) -> list[Value]:
    value = escape_csv_cell(cell.text if cell.value is None else cell.value)
    return [value, "" if cell.high is None else cell.high] if column.interval else [value]


def to_latex(table: Table, caveats: Sequence[Caveat]) -> str:
    r"""Format a table as LaTeX for the package booktabs.

    Returns:
        A `table` environment: numbers rounded as on the page, every caveat explained below; letters refer to those
        of a single row.
    """
    letters = _footnote_letters(table)
    heads = [_latex_row([escape_latex(column.heading) for column in table.columns])]
    if table.groups:
        heads = [*_latex_groups(table.groups), *heads]
    notes = [rf"\textsuperscript{{{letter}}}~{_latex_note(caveat)}" for caveat, letter in letters.items()]
    notes += [_latex_note(caveat) for caveat in caveats]
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
    cells, rules, column = [], [], 1
    for group, width in groups:
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escape_latex(group)}}}" if group else " &" * (width - 1))
        if group:
            rules.append(rf"\cmidrule(lr){{{column}-{column + width - 1}}}")
        column += width
    return [_latex_row(cells), " ".join(rules)]


def _latex_cell(cell: Cell, letters: Mapping[Caveat, str]) -> str:
    text = escape_latex(cell.text)
    footnotes = ",".join(letters[caveat] for caveat in cell.caveats)
    return (rf"\textbf{{{text}}}" if cell.bold else text) + (rf"\textsuperscript{{{footnotes}}}" if footnotes else "")


def _latex_note(caveat: Caveat) -> str:
    return rf"\emph{{{escape_latex(caveat.title)}}}: {escape_latex(caveat.text)}"


def to_markdown(table: Table, caveats: Sequence[Caveat]) -> str:
    """Format a table as Markdown, with the same content as `to_latex`."""
    letters = _footnote_letters(table)
    alignment = ["---:" if column.numeric else "---" for column in table.columns]
    rows = [[_markdown_cell(cell, letters) for cell in row] for row in table.rows]
    lines = [
        f"**{escape_markdown(table.title)}.** {escape_markdown(table.caption)}",
        "",
        _markdown_row([escape_markdown(column.title) for column in table.columns]),
        _markdown_row(alignment),
        *map(_markdown_row, rows),
        "",
        *(f"- ({letter}) {_markdown_note(caveat)}" for caveat, letter in letters.items()),
        *(f"- {_markdown_note(caveat)}" for caveat in caveats),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: Cell, letters: Mapping[Caveat, str]) -> str:
    text = escape_markdown(cell.text)
    footnotes = "".join(f" ({letters[caveat]})" for caveat in cell.caveats)
    return (f"**{text}**" if cell.bold else text) + footnotes


def _markdown_note(caveat: Caveat) -> str:
    return f"*{escape_markdown(caveat.title)}*: {escape_markdown(caveat.text)}"


def _footnote_letters(table: Table) -> dict[Caveat, str]:
    """Return one letter per caveat of a cell."""
    caveats = dict.fromkeys(caveat for row in table.rows for cell in row for caveat in cell.caveats)
    return dict(zip(caveats, ascii_lowercase, strict=False))
