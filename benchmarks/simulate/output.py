"""Output that the simulations share: a progress bar, rates as CSV, and the tables of a page."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar while the block runs.

    Args:
        title: Its title.

    Yields:
        Function to be called with the steps done and their number.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(title)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def write_csv(path: Path, rates: Sequence["DataclassInstance"]) -> list[dict[str, Any]]:
    """Write rates as a CSV file, one row each; return the rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(rate) for rate in rates]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return rows


def replace_tables(page: Path, begin: str, end: str, tables: str) -> None:
    """Replace what stands on a page between two marks, each of which it has once."""
    before, rest = page.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    page.write_text(f"{before}{begin}\n{tables}\n{end}{after}", encoding="utf-8")
