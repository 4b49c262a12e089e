"""Simulate how often verdicts on whole families of comparisons err, with the report's own functions.

Prints the tables, and writes them to `benchmarks/results/` and to `docs/statistics.md`.
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.simulate.families import MEASURES, FamilyRate, simulate_families

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "simulated_families.csv"
PAGE = ROOT / "docs" / "statistics.md"
BEGIN, END = "<!-- simulated families: begin -->", "<!-- simulated families: end -->"

TITLES = {
    "one comparison": "calls an equal variant better, percent (nominal 5); speakers:",
    "family": "51 equal variants: any has the verdict, percent (nominal 5); speakers:",
    "equivalence": "shown to be within 2 points, percent; speakers:",
    "power": "one of 51 variants is better: called better, percent; by points:",
}


def rows(rates: Sequence[FamilyRate], measure: str) -> list[tuple[str, ...]]:
    """Format a heading and one row per scenario and test or verdict, with a value per case."""
    of_measure = [rate for rate in rates if rate.measure == measure]
    cases = list(dict.fromkeys(rate.case for rate in of_measure))
    values = {(rate.scenario, rate.of, rate.case): f"{rate.value:.1f}" for rate in of_measure}
    names = list(dict.fromkeys((rate.scenario, rate.of) for rate in of_measure))
    return [
        (TITLES[measure], *cases),
        *((f"{scenario}: {of}", *(values.get((scenario, of, case), "") for case in cases)) for scenario, of in names),
    ]


def errors(rates: Sequence[FamilyRate]) -> str:
    """Describe the numbers of rounds and the largest Monte-Carlo errors."""
    parts = []
    for measure in MEASURES:
        of_measure = [rate for rate in rates if rate.measure == measure]
        rounds = sorted({rate.rounds for rate in of_measure}, reverse=True)
        largest = max(rate.standard_error for rate in of_measure)
        parts.append(f"{measure}: {' or '.join(map(str, rounds))} rounds, standard error up to {largest:.1f}")
    return f"Monte-Carlo: {'; '.join(parts)}. More rounds where all flips are enumerated; the CSV file has each error."


def markdown(rates: Sequence[FamilyRate]) -> str:
    """Format the tables as Markdown."""
    lines: list[str] = []
    for measure in MEASURES:
        heading, *body = rows(rates, measure)
        lines += [f"| {' | '.join(heading)} |", "|---" * len(heading) + "|"]
        lines += [f"| {' | '.join(row)} |" for row in body]
        lines.append("")
    return "\n".join([*lines, errors(rates)])


def write(rates: Sequence[FamilyRate]) -> list[Path]:
    """Write the CSV file and the tables of the page; return the files."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    records = [asdict(rate) for rate in rates]
    with RESULTS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{markdown(rates)}\n{END}{after}", encoding="utf-8")
    return [RESULTS, PAGE]


def main() -> None:
    """Simulate, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Example: python -m benchmarks.simulate.family_command --families 500"
    )
    parser.add_argument("--tables", type=int, default=5_000, help="tables of two variants per case")
    parser.add_argument("--families", type=int, default=5_000, help="families of 51 variants per case")
    parser.add_argument("--seed", type=int, default=2019, help="equal seeds give equal numbers")
    options = parser.parse_args()
    if options.tables < 1 or options.families < 1:
        parser.error(f"--tables and --families must be 1 or more, got {options.tables} and {options.families}")
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("tables and families")
        rates = simulate_families(
            options.tables,
            options.families,
            options.seed,
            lambda done, total: progress.update(bar, completed=done, total=total),
        )
    for measure in MEASURES:
        heading, *body = rows(rates, measure)
        table = Table(*heading)
        for row in body:
            table.add_row(*row)
        console.print(table)
    console.print(errors(rates), soft_wrap=True)
    for path in write(rates):
        console.print(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
