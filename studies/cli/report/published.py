"""`ser report published`: which claims of the paper's Table 3 its own figures bear out."""

import csv
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tracking.analysis.comparison.published import PublishedTest
    from tracking.analysis.statistics.proportions import Interval

_MIN_WIDTH = 124
"""Columns that the table takes where the output is no terminal."""


def published(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, unrounded.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the tests as CSV, unrounded.")] = False,
) -> None:
    """Test the paper's Table 3 by the paper's own z-test, from the percentages and numbers of utterances alone.

    A claim 'holds' or is 'not reproduced' where it does so however the percentages were rounded, and is
    'undecidable' where that depends on the rounding.
    """
    from ser.errors import ConfigurationError
    from tracking.analysis.comparison.published import published_claims, published_scores, published_tests

    if as_json and as_csv:
        raise ConfigurationError("--json --csv: expected one of the two")
    tests, claims, source = published_tests(), published_claims(), published_scores().source
    if as_json:
        content = {"source": source, "tests": list(map(asdict, tests)), "claims": list(map(asdict, claims))}
        typer.echo(json.dumps(content, indent=2))
    elif as_csv:
        rows = [_flatten(test) for test in tests]
        writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        _print_table(tests)
        for claim in claims:
            typer.echo(f"{claim.text}: {claim.verdict} ({claim.reason})")
        for line in _remarks(tests):
            typer.echo(line)
        typer.echo(f"source: {source}")


def _remarks(tests: "tuple[PublishedTest, ...]") -> list[str]:
    """What must be known to read the table."""
    whole = ", ".join(f"{test.variant} {_range(test.whole)}" for test in tests if test.whole is not None)
    failing = all(test.holm_p >= test.level for test in tests)
    return [
        f"after Holm's adjustment over the {len(tests)} tests {'none holds' if failing else 'some hold'}; "
        f"the smallest p is {_p(min(test.holm_p for test in tests))}",
        "rounding: p over all scores that are printed as these percentages; a WA is a whole number of utterances,",
        f"    which narrows the range of p and decides ({whole})",
        "recalls: z-test of UA from the recalls' variances, all recalls of a variant taken as equal to its UA",
        "'not reproduced' is not 'false': a paired test over speakers would need the predictions",
    ]


def _print_table(tests: "tuple[PublishedTest, ...]") -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = _MIN_WIDTH
    names = ("comparison", "score", "n", "percent", "p", "rounding", "recalls", "Holm", "claimed", "verdict")
    table = Table(*names, box=SIMPLE, title="the paper's Table 3, one-tailed pooled z-tests", title_justify="left")
    for test in tests:
        table.add_row(
            f"{test.variant} > {test.baseline}",
            f"{test.corpus} {test.score}",
            str(test.utterances),
            f"{test.variant_percent} : {test.baseline_percent}",
            _p(test.p),
            _range(test.rounding),
            "–" if test.recalls_p is None else _p(test.recalls_p),
            _p(test.holm_p),
            f"p < {test.level:.2f}".replace("0.", "."),
            test.verdict,
        )
    console.print(table)


def _p(value: float) -> str:
    from tracking.analysis.report.tables.formatting import format_p_value

    return format_p_value(value)


def _range(interval: "Interval") -> str:
    return f"{_p(interval.low)}-{_p(interval.high)}"


def _flatten(test: "PublishedTest") -> dict[str, Any]:
    """The test with each interval as two columns; an empty one where there is none."""
    row: dict[str, Any] = {}
    for name, value in asdict(test).items():
        if name in ("rounding", "whole"):
            row |= (
                {f"{name}_low": "", f"{name}_high": ""}
                if value is None
                else {f"{name}_{k}": v for k, v in value.items()}
            )
        else:
            row[name] = value
    return row
