"""Print the table of all studies."""

from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from studies.cli.arguments import open_home
from studies.cli.options import StorageOptions
from studies.cli.terminal.console import Console
from studies.search.summaries import list_studies


def print_studies(options: StorageOptions) -> None:
    """Print one row per study."""
    storage = open_home(options).storage
    columns = [Column(title, no_wrap=True) for title in ("trials", "validation UA", "started")]
    # Names are what other commands are given, so they are never cut.
    table = Table(Column("study", no_wrap=True, overflow="fold"), *columns, "run by", box=SIMPLE_HEAD)
    for study in list_studies(storage):
        best = "" if study.best_validation_ua is None else f"{100 * study.best_validation_ua:.1f}%"
        run_by = storage.lease_owner(study.name) or "not running"
        started = (study.started or "").replace("T", " ")[5:16]
        table.add_row(study.name, study.progress_text, best, started, run_by)
    Console().print(table)
