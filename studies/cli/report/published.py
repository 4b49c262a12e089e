"""Body of `ser report published`: test the claims of the paper's Table 3 by its own numbers."""

import csv
import json
import sys
from dataclasses import asdict
from typing import Any

import typer
from rich.box import SIMPLE
from rich.table import Table

from ser.errors import ConfigurationError
from studies.cli.report.commands import PublishedOptions
from studies.cli.terminal.console import Console
from tracking.analysis.comparison.published import PublishedTest, published_claims, published_scores, published_tests
from tracking.analysis.report.tables.rendering.formatting import format_p_value
from tracking.analysis.statistics.proportions import Interval

_MIN_WIDTH = 124
"""Columns that the table takes where the output is no terminal."""


def print_published(options: PublishedOptions) -> None:
    """Print the tests and the verdicts on the claims.

    Raises:
        ConfigurationError: Both --json and --csv.
    """
    if options.as_json and options.as_csv:
        raise ConfigurationError("--json cannot be combined with --csv")
    tests, claims, source = published_tests(), published_claims(), published_scores().source
    if options.as_json:
        content = {"source": source, "tests": list(map(asdict, tests)), "claims": list(map(asdict, claims))}
        typer.echo(json.dumps(content, indent=2))
    elif options.as_csv:
        rows = [_flatten(test) for test in tests]
        writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        _print_table(tests)
        for claim in claims:
            typer.echo(f"{claim.text}: {claim.verdict} ({claim.reason})")
        for line in _footnotes(tests):
            typer.echo(line)
        typer.echo(f"source: {source}")


def _footnotes(tests: tuple[PublishedTest, ...]) -> list[str]:
    """Notes on how to read the table."""
    integer_ranges = ", ".join(
        f"{test.variant} {_format_range(test.whole)}" for test in tests if test.whole is not None
    )
    relative_ranges = ", ".join(
        f"{test.variant} {test.corpus} {test.score} (+{test.relative_gain}%) {_format_range(test.relative)}"
        for test in tests
        if test.relative is not None
    )
    failing = all(test.holm_p >= test.level for test in tests)
    return [
        f"after Holm's adjustment over the {len(tests)} tests {'none holds' if failing else 'some hold'}; "
        f"the smallest p is {format_p_value(min(test.holm_p for test in tests))}",
        "rounding: p over all scores that are printed as these percentages; WA is a whole number of utterances,",
        f"    which narrows the range of p and decides ({integer_ranges})",
        "relative: the text's gains in percent of the baseline narrow the range further:",
        f"    {relative_ranges}",
        "recalls: z-test of UA from the recalls' variances, assuming that all recalls of a variant equal its UA",
        "'not reproduced' does not mean 'false': a paired test over speakers would need the predictions",
    ]


def _print_table(tests: tuple[PublishedTest, ...]) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = _MIN_WIDTH
    names = ("comparison", "score", "n", "percent", "p", "rounding", "recalls", "Holm", "claimed", "verdict")
    table = Table(
        *names,
        box=SIMPLE,
        title="the paper's Table 3, one-tailed pooled z-tests (independent utterances)",
        title_justify="left",
    )
    for test in tests:
        table.add_row(
            f"{test.variant} > {test.baseline}",
            f"{test.corpus} {test.score}",
            str(test.utterances),
            f"{test.variant_percent} : {test.baseline_percent}",
            format_p_value(test.p),
            _format_range(test.rounding),
            "–" if test.recalls_p is None else format_p_value(test.recalls_p),
            format_p_value(test.holm_p),
            f"p < {test.level:.2f}".replace("0.", "."),
            test.verdict,
        )
    console.print(table)


def _format_range(interval: Interval) -> str:
    return f"{format_p_value(interval.low)}-{format_p_value(interval.high)}"


def _flatten(test: PublishedTest) -> dict[str, Any]:
    """Flatten a test for CSV: two columns per interval, empty where there is none."""
    row: dict[str, Any] = {}
    for name, value in asdict(test).items():
        if name in ("rounding", "whole", "relative"):
            row |= (
                {f"{name}_low": "", f"{name}_high": ""}
                if value is None
                else {f"{name}_{end}": bound for end, bound in value.items()}
            )
        else:
            row[name] = value
    return row
