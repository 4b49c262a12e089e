"""Tables of comparisons: those that were made with their tests, and those that were skipped."""

from tracking.analysis.comparison.caveats import comparison_caveats, report_caveats, ua_only
from tracking.analysis.comparison.comparison import Comparison, Verdict
from tracking.analysis.comparison.interpretation import ASSUMPTIONS
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.rendering.formatting import NOT_APPLICABLE
from tracking.analysis.report.tables.rendering.model import (
    Cell,
    Column,
    Table,
    p_value_cell,
    points_cell,
    points_interval_cell,
    text_cell,
    variant_cell,
    wa_column,
)
from tracking.analysis.statistics.proportions import ZTest


def comparison_table(analysis: Analysis) -> Table:
    """Make the table of all comparisons and their tests."""
    comparisons = analysis.comparisons.comparisons
    shared_caveats = report_caveats(analysis)
    names = {variant.label: variant_cell(variant, shared_caveats) for variant in analysis.classifiers}
    sessions = any(comparison.ua_sessions is not None for comparison in comparisons)
    # A family of one needs no adjustment, and no word about it.
    adjusted = (
        "p joint, p worse, p within and p Holm are adjusted for the number of comparisons, the others are not. "
        if analysis.comparisons.family.planned > 1
        else ""
    )
    rows = [_comparison_cells(names[comparison.variant], comparison, sessions) for comparison in comparisons]
    return Table(
        "tests",
        "Tests against the baseline",
        f"One-tailed, H1: the variant is better; p worse and p within have others. {adjusted}What each test assumes is "
        "said below, and by the hint of its heading. – where a test is undefined or not given.",
        tuple(_columns(sessions, analysis.comparisons.family.margin, ua_only(analysis))),
        tuple(rows),
    )


def _columns(sessions: bool, margin: float, greyed_out: bool) -> list[Column]:
    return [
        Column("variant", numeric=False),
        Column("baseline", numeric=False),
        Column("ΔUA", "pooled UA less the baseline's, percentage points"),
        Column(
            "95%",
            "t interval over speakers of ΔUA, percentage points; for this comparison alone; assumes: speakers are "
            "independent, their differences nearly normal",
            interval=True,
        ),
        _test_column("p joint", "joint sign flips over speakers, UA, adjusted: the test to rely on"),
        Column("verdict", "rests on p joint, p worse and p within, each at .05", numeric=False),
        _test_column("p worse", "the same, H1: the variant is worse"),
        _test_column("p within", f"the same, H1: the true ΔUA is within ±{100 * margin:g} points"),
        _test_column("p Holm", "sign-flip over speakers, UA, adjusted by Holm's method"),
        _test_column("p speakers", "sign-flip over speakers, UA, this comparison alone"),
        *([_test_column("p sessions", "sign-flip over sessions, UA, this comparison alone")] if sessions else []),
        _test_column("p corrected t", "p of Nadeau and Bengio's corrected t over folds, UA, this comparison alone"),
        wa_column("ΔWA", "pooled WA less the baseline's, percentage points", greyed_out),
        _wa_test_column("p speakers WA", "sign-flip over speakers, WA, this comparison alone", greyed_out),
        _wa_test_column("z WA", "p of the pooled two-proportion z-test of WA", greyed_out),
        _test_column("z UA", "p of the same test with UA instead of WA"),
        _test_column("z recalls", "p of the z-test of UA from the recalls' variances"),
        _wa_test_column("McNemar", "p of McNemar's exact test of WA", greyed_out),
    ]


def _test_column(title: str, hint: str) -> Column:
    """Make a column of a test, whose hint ends in what the test assumes."""
    return Column(title, f"{hint}; assumes: {ASSUMPTIONS[title]}")


def _wa_test_column(title: str, hint: str, greyed_out: bool) -> Column:
    return wa_column(title, f"{hint}; assumes: {ASSUMPTIONS[title]}", greyed_out)


def _comparison_cells(name: Cell, comparison: Comparison, sessions: bool) -> tuple[Cell, ...]:
    test, joint = comparison.ua_speakers, comparison.joint
    return (
        text_cell(name.text, (*name.caveats, *comparison_caveats(comparison))),
        text_cell(comparison.baseline),
        points_cell(test.difference),
        points_interval_cell(test.interval),
        p_value_cell(comparison.joint_p),
        text_cell(comparison.verdict_text, bold=comparison.verdict is Verdict.BETTER),
        p_value_cell(None if joint is None else joint.worse_p),
        p_value_cell(None if joint is None else joint.within_p),
        p_value_cell(comparison.holm_p),
        p_value_cell(test.claimable_p),
        *([p_value_cell(None if comparison.ua_sessions is None else comparison.ua_sessions.p)] if sessions else []),
        p_value_cell(comparison.corrected_t_p),
        points_cell(comparison.wa_speakers.difference),
        p_value_cell(comparison.wa_speakers.claimable_p),
        _z_test_cell(comparison.z_wa),
        _z_test_cell(comparison.z_ua),
        _z_test_cell(comparison.z_ua_recalls),
        p_value_cell(comparison.mcnemar_p),
    )


def _z_test_cell(test: ZTest | None) -> Cell:
    return p_value_cell(None if test is None else test.p)


def skipped_table(analysis: Analysis) -> Table:
    """Make the table of comparisons that were skipped, with the reasons."""
    return Table(
        "not_compared",
        "Not compared",
        "Two variants are compared only on the same corpus, classes, folds, seeds and test utterances, and only when "
        "both are complete.",
        (Column("variant", numeric=False), Column("baseline", numeric=False), Column("reason", numeric=False)),
        tuple(
            (text_cell(skipped.variant), text_cell(skipped.baseline or NOT_APPLICABLE), text_cell(skipped.reason))
            for skipped in analysis.comparisons.skipped
        ),
    )
