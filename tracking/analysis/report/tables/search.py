"""Tables of the search: UA over the scope, and importance of settings for validation UA."""

from collections.abc import Sequence

from tracking.analysis.comparison.caveats import report_caveats
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.figures.data import ScopeSeries
from tracking.analysis.report.tables.rendering.formatting import format_percent
from tracking.analysis.report.tables.rendering.model import (
    INCOMPLETE_MARKS,
    Cell,
    Column,
    Table,
    incomplete_mark,
    number_cell,
    percent_cell,
    text_cell,
    variant_cell,
)
from tracking.analysis.report_context import ParameterImportances
from tracking.analysis.variants.naming import SELECTED
from tracking.analysis.variants.scores import ScoredVariant


def scope_table(analysis: Analysis, series: Sequence[ScopeSeries]) -> Table:
    """Make the table of pooled UA at each scope, with the selection per fold and attention `none` in each row."""
    shared_caveats = report_caveats(analysis)
    variants = {variant.label: variant for variant in analysis.variants}
    scopes = sorted({scope for line in series for scope in line.scopes})
    rows = []
    for line in series:
        members = [variants[label] for label in line.labels]
        caveats = dict.fromkeys(caveat for member in members for caveat in variant_cell(member, shared_caveats).caveats)
        by_scope = dict(zip(line.scopes, line.ua.tolist(), strict=True))
        chosen = analysis.sweep_of(members[0])
        rows.append(
            (
                text_cell(line.name, tuple(caveats)),
                *(percent_cell(by_scope.get(scope)) for scope in scopes),
                percent_cell(None) if chosen is None else _choice_cell(chosen),
                percent_cell(line.none_ua),
            )
        )
    return Table(
        "scope",
        "UA by scope",
        "Pooled UA in percent at each scope, in frames. Picking the highest of a row means choosing on test scores, "
        f"which flatters it; report 'selected per fold' instead. {INCOMPLETE_MARKS}",
        (
            Column("variant", numeric=False),
            *(Column(f"scope {scope}") for scope in scopes),
            Column(SELECTED, "the scope (and whatever else varies) chosen by each fold's own validation speaker"),
            Column("none", "the same without attention, whatever the baseline"),
        ),
        tuple(rows),
    )


def _choice_cell(choice: ScoredVariant) -> Cell:
    ua = choice.scores.ua.mean
    return number_cell(format_percent(ua) + incomplete_mark(choice), ua)


def importance_table(importances: Sequence[ParameterImportances]) -> Table:
    """Make the table of the importance of settings in each group of trials, in percent."""
    return Table(
        "importances",
        "Importance of settings",
        "Share of each setting in the variance of mean validation UA that settings explain one at a time; interactions "
        "are left out. Estimated by Optuna's fANOVA, which fits a random forest; test scores do not enter. Where the "
        "seed varies, a setting that explains no more than the seed explains nothing.",
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
                percent_cell(share),
            )
            for group in importances
            for setting, share in group.shares.items()
        ),
    )
