"""Print the table of all studies."""

from rich.table import Column, Table

from studies.cli.arguments import open_home
from studies.cli.options import StorageOptions
from studies.cli.terminal.console import Console
from studies.search.summaries import list_studies


def print_studies(options: StorageOptions) -> None:
    """Print one row per study."""
    storage = open_home(options).storage
    table = Table("trials", "best mean validation UA", "started", "run by")
    # Names are what other commands are given, so they are never cut.
    table.columns.insert(0, Column("study", no_wrap=True, overflow="fold"))
    for study in list_studies(storage):
        best = "" if study.best_validation_ua is None else f"{100 * study.best_validation_ua:.1f}%"
        run_by = storage.lease_owner(study.name) or "not running"
        table.add_row(study.name, study.progress_text, best, study.started or "", run_by)
    Console().print(table)
