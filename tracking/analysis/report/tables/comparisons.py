"""Tables of tests: every comparison, and those that were not made."""

from tracking.analysis.comparison.caveats import FEW_SPEAKERS, Badge, report_badges, ua_only, variant_badges
from tracking.analysis.comparison.comparison import BETTER, Comparison
from tracking.analysis.comparison.overview import Overview
from tracking.analysis.report.tables.formatting import NONE, interval_points, points, probability
from tracking.analysis.report.tables.model import Cell, Column, Table, bounds, number, text, wa_column
from tracking.analysis.statistics.proportions import ZTest
from tracking.analysis.statistics.sign_flip import SignFlip


def comparison_table(overview: Overview) -> Table:
    """Every comparison with all of its tests."""
    known, muted = report_badges(overview), ua_only(overview)
    badges = {
        entry.variant.label: tuple(badge for badge in variant_badges(entry) if badge not in known)
        for entry in overview.scored
    }
    sessions = any(made.ua_sessions is not None for made in overview.comparisons.made)
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
    rows = [_test_cells(made, badges.get(made.variant, ()), sessions) for made in overview.comparisons.made]
    return Table(
        "tests",
        "Tests against the baseline",
        "One-tailed, H1: the variant is better. – where a test is undefined or not given.",
        tuple(columns),
        tuple(rows),
    )


def _test_cells(made: Comparison, badges: tuple[Badge, ...], sessions: bool) -> tuple[Cell, ...]:
    test = made.ua_speakers
    own = (*badges, FEW_SPEAKERS) if not test.enough else badges
    return (
        text(made.variant, own),
        text(made.baseline),
        number(points(test.difference), test.difference),
        bounds(interval_points(test.interval), test.interval),
        _p(made.holm_p),
        text(made.verdict, strong=made.verdict == BETTER),
        number(points(made.wa_speakers.difference), made.wa_speakers.difference),
        _flip(test),
        *([number(NONE, None) if made.ua_sessions is None else _p(made.ua_sessions.p)] if sessions else []),
        _flip(made.wa_speakers),
        _z(made.z_wa),
        _z(made.z_ua),
        _z(made.z_ua_recalls),
        _p(made.mcnemar_p),
    )


def _p(value: float | None) -> Cell:
    return number(probability(value), value)


def _flip(test: SignFlip) -> Cell:
    return _p(test.p if test.enough else None)


def _z(test: ZTest | None) -> Cell:
    return _p(None if test is None else test.p)


def refused_table(overview: Overview) -> Table:
    """Comparisons that were not made, and why."""
    return Table(
        "not_compared",
        "Not compared",
        "Two variants are compared only on the same corpus, classes, folds, seeds and test utterances, and only when "
        "both are complete.",
        (Column("variant", numeric=False), Column("baseline", numeric=False), Column("reason", numeric=False)),
        tuple(
            (text(refusal.variant), text(refusal.baseline or NONE), text(refusal.reason))
            for refusal in overview.comparisons.refused
        ),
    )
