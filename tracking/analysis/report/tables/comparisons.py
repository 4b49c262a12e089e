"""Tables of tests: every comparison, and those that were not made."""

from tracking.analysis.comparison.caveats import FEW_SPEAKERS, Caveat, report_caveats, ua_only, variant_caveats
from tracking.analysis.comparison.comparison import Comparison, Verdict
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.formatting import EM_DASH, format_p_value, format_points, interval_points
from tracking.analysis.report.tables.model import Cell, Column, Table, interval_cell, number_cell, text_cell, wa_column
from tracking.analysis.statistics.proportions import ZTest
from tracking.analysis.statistics.sign_flip import SignFlipTest


def comparison_table(overview: Analysis) -> Table:
    """Every comparison with all of its tests."""
    known, muted = report_caveats(overview), ua_only(overview)
    badges = {
        entry.label: tuple(badge for badge in variant_caveats(entry) if badge not in known)
        for entry in overview.variants
    }
    sessions = any(made.ua_sessions is not None for made in overview.comparisons.comparisons)
    columns = [
        Column("variant", numeric=False),
        Column("baseline", numeric=False),
        Column("ΔUA", "pooled UA less the baseline's, percentage points"),
        Column("95%", "t interval over speakers of ΔUA, percentage points; for this comparison alone", interval=True),
        Column("p Holm", "sign-flip over speakers, UA, adjusted: the one to believe"),
        Column("verdict", "rests on the sign-flip test after Holm's adjustment", numeric=False),
        wa_column("ΔWA", "pooled WA less the baseline's, percentage points", muted),
        Column("p speakers", "sign-flip over speakers, UA, this comparison alone"),
        *([Column("p sessions", "sign-flip over sessions, UA")] if sessions else []),
        wa_column("p speakers WA", "sign-flip over speakers, WA", muted),
        wa_column("z WA", "p of the pooled two-proportion z-test of WA", muted),
        Column("z UA", "p of the same test with UA in the place of WA"),
        Column("z recalls", "p of the z-test of UA from the recalls' variances"),
        wa_column("McNemar", "p of McNemar's exact test of WA", muted),
    ]
    rows = [_test_cells(made, badges.get(made.variant, ()), sessions) for made in overview.comparisons.comparisons]
    return Table(
        "tests",
        "Tests against the baseline",
        "One-tailed, H1: the variant is better. – where a test is undefined or not given.",
        tuple(columns),
        tuple(rows),
    )


def _test_cells(made: Comparison, badges: tuple[Caveat, ...], sessions: bool) -> tuple[Cell, ...]:
    test = made.ua_speakers
    own = (*badges, FEW_SPEAKERS) if not test.has_enough_speakers else badges
    return (
        text_cell(made.variant, own),
        text_cell(made.baseline),
        number_cell(format_points(test.difference), test.difference),
        interval_cell(interval_points(test.interval), test.interval),
        _p(made.holm_p),
        text_cell(made.verdict, strong=made.verdict is Verdict.BETTER),
        number_cell(format_points(made.wa_speakers.difference), made.wa_speakers.difference),
        _flip(test),
        *([number_cell(EM_DASH, None) if made.ua_sessions is None else _p(made.ua_sessions.p)] if sessions else []),
        _flip(made.wa_speakers),
        _z(made.z_wa),
        _z(made.z_ua),
        _z(made.z_ua_recalls),
        _p(made.mcnemar_p),
    )


def _p(value: float | None) -> Cell:
    return number_cell(format_p_value(value), value)


def _flip(test: SignFlipTest) -> Cell:
    return _p(test.p if test.has_enough_speakers else None)


def _z(test: ZTest | None) -> Cell:
    return _p(None if test is None else test.p)


def skipped_table(overview: Analysis) -> Table:
    """Comparisons that were not made, and why."""
    return Table(
        "not_compared",
        "Not compared",
        "Two variants are compared only on the same corpus, classes, folds, seeds and test utterances, and only when "
        "both are complete.",
        (Column("variant", numeric=False), Column("baseline", numeric=False), Column("reason", numeric=False)),
        tuple(
            (text_cell(refusal.variant), text_cell(refusal.baseline or EM_DASH), text_cell(refusal.reason))
            for refusal in overview.comparisons.skipped
        ),
    )
