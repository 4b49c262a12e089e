"""Simulate how often verdicts on whole families of comparisons err, with the report's own functions.

Prints the tables, and writes them to `benchmarks/results/` and to `docs/statistics.md`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.simulate.families import MEASURES, FamilyRate, simulate_families
from benchmarks.simulate.output import progress_bar, replace_tables, write_csv

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
    write_csv(RESULTS, rates)
    replace_tables(PAGE, BEGIN, END, markdown(rates))
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
    with progress_bar("tables and families") as progress:
        rates = simulate_families(options.tables, options.families, options.seed, progress)
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
