"""Simulate how often each test errs and each interval covers the truth, with the report's own functions.

Prints the tables, and writes them to `benchmarks/results/` and to `docs/statistics.md`.
"""

import argparse
import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.simulate.output import progress_bar, replace_tables, write_csv
from benchmarks.simulate.simulation import MEASURES, Rate, simulate

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "statistics.md"
NOTEWORTHY_GAIN = 2.0
"""Percentage points: as much as many a published difference."""

BEGIN, END = "<!-- simulated: begin -->", "<!-- simulated: end -->"

TITLES = {
    "type I error": "calls an equal variant better, percent (nominal 5)",
    "coverage": "95% interval holds the truth, percent",
    "false gain": "best of 48 equal trials seems better by, points",
}


def rows(rates: Sequence[Rate], measure: str) -> list[tuple[str, ...]]:
    """Format one row per test, interval or choice: its name and a value per deviation."""
    rates_of_measure = [rate for rate in rates if rate.measure == measure]
    return [
        (name, *(f"{rate.value:.1f}".replace("-0.0", "0.0") for rate in group))
        for name, group in groupby(rates_of_measure, key=lambda rate: rate.of)
    ]


def deviations(rates: Sequence[Rate]) -> list[str]:
    """List the headings of the columns of values."""
    return [f"{points:g}" for points in sorted({rate.deviation_points for rate in rates})]


def markdown(rates: Sequence[Rate]) -> str:
    """Format the tables as Markdown."""
    lines: list[str] = []
    for measure in MEASURES:
        lines += [
            f"| {TITLES[measure]} | {' | '.join(deviations(rates))} |",
            "|---" * (len(deviations(rates)) + 1) + "|",
        ]
        lines += [f"| {' | '.join(row)} |" for row in rows(rates, measure)]
        lines.append("")
    largest = {measure: max(rate.standard_error for rate in rates if rate.measure == measure) for measure in MEASURES}
    rounds = {measure: next(rate.rounds for rate in rates if rate.measure == measure) for measure in MEASURES}
    lines += [gains_over(rates, NOTEWORTHY_GAIN), ""]
    lines.append(
        f"{rounds['type I error']} tables and {rounds['false gain']} choices for each deviation; Monte-Carlo standard "
        f"errors up to {largest['type I error']:.1f}, {largest['coverage']:.1f} and {largest['false gain']:.2f}."
    )
    return "\n".join(lines)


def gains_over(rates: Sequence[Rate], points: float) -> str:
    """Say in which cases the best trial by mean validation UA seems better by more than a number of points."""
    gains = [rate for rate in rates if rate.measure == "false gain"]
    over: dict[str, list[str]] = {}
    for rate in gains:
        if rate.value > points:
            over.setdefault(rate.of.partition(", ")[2], []).append(f"{rate.deviation_points:g}")
    cases = [
        f"{case.replace(', ', ' with ')} and "
        + ("any deviation" if len(values) == len(deviations(gains)) else f"a deviation of {' or '.join(values)} points")
        for case, values in over.items()
    ]
    where = f"in these cases: {'; '.join(cases)}" if cases else "in no case"
    return f"By mean validation UA, the best of 48 equal trials seems better by more than {points:g} points {where}."


def write(rates: Sequence[Rate]) -> list[Path]:
    """Write CSV and JSON, and the tables of the page; return the files."""
    csv_path, json_path = RESULTS / "simulation.csv", RESULTS / "simulation.json"
    rows_of_rates = write_csv(csv_path, rates)
    json_path.write_text(json.dumps(rows_of_rates, indent=1) + "\n", encoding="utf-8")
    replace_tables(PAGE, BEGIN, END, markdown(rates))
    return [csv_path, json_path, PAGE]


def show(console: Console, rates: Sequence[Rate]) -> None:
    """Print the tables."""
    for measure in MEASURES:
        table = Table(TITLES[measure], *deviations(rates))
        for row in rows(rates, measure):
            table.add_row(*row)
        console.print(table)


def main() -> None:
    """Simulate, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: make simulate")
    parser.add_argument("--tables", type=int, default=10_000, help="tables of two variants per deviation")
    parser.add_argument("--choices", type=int, default=1_000, help="choices among 48 trials per deviation")
    parser.add_argument("--seed", type=int, default=2019, help="equal seeds give equal numbers")
    options = parser.parse_args()
    if options.tables < 1 or options.choices < 2:
        parser.error(f"--tables must be 1 or more and --choices 2 or more, got {options.tables} and {options.choices}")
    console = Console()
    with progress_bar("tables and choices") as progress:
        rates = simulate(options.tables, options.choices, options.seed, progress)
    console.print(
        "columns: standard deviation between speakers of the true difference of two variants, percentage points"
    )
    show(console, rates)
    console.print(gains_over(rates, NOTEWORTHY_GAIN), soft_wrap=True)
    for path in write(rates):
        console.print(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
