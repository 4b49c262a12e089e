"""Tables of the search: what the scope does, and how much each setting matters to validation UA."""

from collections.abc import Sequence

from tracking.analysis.comparison.caveats import report_caveats, variant_caveats
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.figures.data import ScopeSeries
from tracking.analysis.report.tables.formatting import EM_DASH, format_percent
from tracking.analysis.report.tables.model import Cell, Column, Table, number_cell, text_cell
from tracking.analysis.report_context import ParameterImportances
from tracking.analysis.variants.naming import SELECTED
from tracking.analysis.variants.scores import ScoredVariant


def scope_table(overview: Analysis, lines: Sequence[ScopeSeries]) -> Table:
    """Pooled UA at each scope, one row a variant less its scope; beside it the choice per fold and the baseline.

    Args:
        overview: What the results say.
        lines: UA over scopes.
    """
    known = report_caveats(overview)
    entries = {entry.label: entry for entry in overview.variants}
    selected = {_family(entry): entry for entry in overview.variants if entry.kind == SELECTED}
    scopes = sorted({scope for line in lines for scope in line.scopes})
    rows = []
    for line in lines:
        members = [entries[label] for label in line.labels]
        marks = dict.fromkeys(badge for entry in members for badge in variant_caveats(entry) if badge not in known)
        by_scope = dict(zip(line.scopes, line.ua.tolist(), strict=True))
        chosen = selected.get(_family(members[0]))
        rows.append(
            (
                text_cell(line.name, tuple(marks)),
                *(_score(by_scope.get(scope)) for scope in scopes),
                _score(None if chosen is None else chosen.scores.ua.mean),
                _score(line.baseline),
            )
        )
    return Table(
        "scope",
        "UA by scope",
        "Pooled UA in percent at each scope, in frames. The highest of a row is found by looking at test scores, which "
        "flatters it; the choice that may be reported is 'selected per fold'.",
        (
            Column("variant", numeric=False),
            *(Column(f"scope {scope}") for scope in scopes),
            Column(SELECTED, "the scope (and whatever else varies) chosen by each fold's own validation speaker"),
            Column("none", "the same labels without attention"),
        ),
        tuple(rows),
    )


def _family(entry: ScoredVariant) -> tuple[object, ...]:
    """What a variant shares with the one that was selected per fold among it and its like."""
    first = entry.configuration
    return first.attention, first.criterion, first.labels, entry.recipe, entry.provenance


def _score(ua: float | None) -> Cell:
    return number_cell(EM_DASH if ua is None else format_percent(ua), ua)


def importance_table(importances: Sequence[ParameterImportances]) -> Table:
    """Importance of each setting in each group of trials, in percent."""
    return Table(
        "importances",
        "Importance of settings",
        "Settings change mean validation UA between trials; of the variance that they explain one at a time, each has "
        "this percentage. Interactions are left out. From Optuna's fANOVA, which fits a random forest, so roughly; "
        "test scores do not enter. Where the seed varies, a setting that explains no more than it explains nothing.",
        (
            Column("among", numeric=False),
            Column("trials"),
            Column("setting", numeric=False),
            Column("importance", "percent"),
        ),
        tuple(
            (
                text_cell(group.group),
                number_cell(str(group.trials), group.trials),
                text_cell(setting),
                number_cell(format_percent(share), share),
            )
            for group in importances
            for setting, share in group.shares.items()
        ),
    )
