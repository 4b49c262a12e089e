"""Print the summary of a report on the terminal, and how to go on."""

import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from studies.cli.terminal.console import Console
from studies.reporting.next_commands import is_default_home, model_commands
from studies.reporting.report_runner import Report
from studies.storages.home import Home
from tracking.analysis.report import LEGEND, shown_difference, summary_rows, summary_title, summary_verdict

_NOTE = "note"


def print_results(study: str, report: Report | None, home: Home) -> None:
    """Print the results as a table, the verdict, and where to find more.

    Args:
        study: Name of the study.
        report: The report, or None where no fold has a result.
        home: The data directory.
    """
    console = Console()
    if report is None:
        console.print(f"study {study}: no fold has a result yet", soft_wrap=True)
        return
    rows = summary_rows(report.analysis)
    console.print(results_table(rows, summary_title(report.analysis)))
    for line in (*LEGEND, *_notes(rows), ""):
        console.print(Text(line))
    conclusions = [summary_verdict(report.analysis), shown_difference(report.analysis)]
    for line in (*filter(None, conclusions), "", *next_steps(study, report.page, home)):
        # A path or command that is broken into lines cannot be copied.
        console.print(Text(line), soft_wrap=True)


def _notes(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return what is to be borne in mind, once, with the variants that it is true of."""
    variants: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row[_NOTE]:
            variants[row[_NOTE]].append(row["variant"])
    return [f"{note}: {', '.join(names)}" for note, names in variants.items()]


def results_table(rows: Sequence[Mapping[str, str]], title: str) -> Table:
    """Make the table of `summary_rows`; it fits 80 columns, in which long names take several lines."""
    numbers = [name for name in rows[0] if name not in ("variant", _NOTE)]
    table = Table(
        Column("variant", overflow="fold"),
        *(Column(name, justify="right", no_wrap=True) for name in numbers),
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1),
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
    )
    for row in rows:
        table.add_row(Text(row["variant"]), *(Text(row[name]) for name in numbers))
    return table


def next_steps(study: str, page: Path, home: Home) -> list[str]:
    """Return where the report is, and the commands that use the study's best model and show its runs.

    Args:
        study: Name of the study.
        page: The report.
        home: The data directory; commands name it where it is not the default one.
    """
    make, predict = model_commands(study, home)
    variable = "" if is_default_home(home) else f" {shlex.quote(f'SER_HOME={home.root.resolve()}')}"
    return [
        f"study:  {study}",
        f"report: {page.resolve()}",
        f"model:  {make}",
        f"        {predict}",
        f"runs:   make ui{variable}",
    ]
