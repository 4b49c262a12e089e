"""How often each test errs and each interval holds, simulated with the report's own functions.

Prints the table with the values of an earlier simulation of ours below ours, writes it to `benchmarks/results/`, and
puts it into `docs/statistics.md`.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from math import sqrt
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.simulate.simulation import MEASURES, Rate, simulate

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "statistics.md"
EARLIER = ROOT / "benchmarks" / "simulate" / "earlier_simulation.json"
NOTEWORTHY_GAIN = 2.0
"""Percentage points: as much as many a published difference."""

APART = "*"
"""Stands beside an earlier value that is farther from ours than chance explains."""
BEGIN, END = "<!-- simulated: begin -->", "<!-- simulated: end -->"

TITLES = {
    "type I error": "calls an equal variant better, percent (nominal 5)",
    "coverage": "95% interval holds the truth, percent",
    "false gain": "best of 48 equal trials seems better by, points",
}


def rows(rates: Sequence[Rate], measure: str) -> list[tuple[str, ...]]:
    """One row a test, interval or choice: its name, and a value for each deviation; below it the earlier values."""
    own = [rate for rate in rates if rate.measure == measure]
    source, earlier = _earlier(measure)
    found: list[tuple[str, ...]] = []
    for name, group in groupby(own, key=lambda rate: rate.of):
        ours = list(group)
        found.append((name, *(f"{rate.value:.1f}".replace("-0.0", "0.0") for rate in ours)))
        if name in earlier:
            found.append((source, *_beside(ours, earlier[name])))
    # Of choices the earlier one does not say on how many utterances.
    blanks = [""] * (len(deviations(rates)) - 1)
    known = {rate.of for rate in own}
    return found + [(f"{source}, {of}", str(value), *blanks) for of, value in earlier.items() if of not in known]


def _earlier(measure: str) -> tuple[str, dict[str, list[float] | str]]:
    """Where the earlier values come from, and those of one measure: one a deviation, or their range in words."""
    kept = json.loads(EARLIER.read_text(encoding="utf-8"))
    return kept["source"], kept[measure]


def _beside(ours: Sequence[Rate], earlier: list[float] | str) -> list[str]:
    """The earlier values, marked where chance does not explain how far ours are from them.

    How many tables it drew is not known; as many as here are taken. Its values are rounded.
    """
    if isinstance(earlier, str):
        low, high = map(float, earlier.split(" to "))
        apart = any(_gap(rate, low, high) > _chance(rate) for rate in ours)
        return [earlier + APART * apart, *[""] * (len(ours) - 1)]
    pairs = zip(ours, earlier, strict=True)
    return [f"{theirs:.1f}{APART * (_gap(rate, theirs, theirs) > _chance(rate))}" for rate, theirs in pairs]


def _gap(rate: Rate, low: float, high: float) -> float:
    return max(low - rate.value, rate.value - high, 0.0)


def _chance(rate: Rate) -> float:
    """Twice the Monte-Carlo error of a difference of two such values, and half of the last digit printed."""
    return 2 * sqrt(2) * rate.standard_error + 0.05


def deviations(rates: Sequence[Rate]) -> list[str]:
    """Headings of the columns of values."""
    return [f"{points:g}" for points in sorted({rate.deviation_points for rate in rates})]


def markdown(rates: Sequence[Rate]) -> str:
    """The tables as Markdown."""
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
    lines += [
        f"{APART} farther from ours than twice the Monte-Carlo error of the difference, were its tables as "
        "many as ours.",
        "",
    ]
    lines += [gains_over(rates, NOTEWORTHY_GAIN), ""]
    lines.append(
        f"{rounds['type I error']} tables and {rounds['false gain']} choices for each deviation; Monte-Carlo standard "
        f"errors up to {largest['type I error']:.1f}, {largest['coverage']:.1f} and {largest['false gain']:.2f}."
    )
    return "\n".join(lines)


def gains_over(rates: Sequence[Rate], points: float) -> str:
    """In which cases the best by mean validation UA seems more than so many points better, in words."""
    over: dict[str, list[str]] = {}
    for rate in rates:
        if rate.measure == "false gain" and rate.value > points:
            over.setdefault(rate.of.partition(", ")[2], []).append(f"{rate.deviation_points:g}")
    cases = "; ".join(f"{case}: at {', '.join(values)}" for case, values in over.items())
    return f"A choice by the mean gains more than {points:g} points with {cases}."


def write(rates: Sequence[Rate]) -> list[Path]:
    """Writes CSV and JSON, and the table of the page; returns the files."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    table, data = RESULTS / "simulation.csv", RESULTS / "simulation.json"
    records = [asdict(rate) for rate in rates]
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    data.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{markdown(rates)}\n{END}{after}", encoding="utf-8")
    return [table, data, PAGE]


def show(console: Console, rates: Sequence[Rate]) -> None:
    """Prints the tables."""
    for measure in MEASURES:
        shown = Table(TITLES[measure], *deviations(rates))
        for row in rows(rates, measure):
            shown.add_row(*row)
        console.print(shown)


def main() -> None:
    """Simulates, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: make simulate")
    parser.add_argument("--tables", type=int, default=10_000, help="tables of two variants for each deviation")
    parser.add_argument("--choices", type=int, default=1_000, help="choices among 48 trials for each deviation")
    parser.add_argument("--seed", type=int, default=2019, help="equal seeds give equal numbers")
    options = parser.parse_args()
    if options.tables < 1 or options.choices < 2:
        parser.error(f"--tables {options.tables} --choices {options.choices}: expected 1 and 2 or more")
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("tables and choices")
        rates = simulate(
            options.tables,
            options.choices,
            options.seed,
            lambda done, total: progress.update(bar, completed=done, total=total),
        )
    console.print("columns: deviation between speakers of the true difference of two variants, percentage points")
    show(console, rates)
    console.print(gains_over(rates, NOTEWORTHY_GAIN), soft_wrap=True)
    for path in write(rates):
        console.print(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
