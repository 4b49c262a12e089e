"""Summary of a report for the terminal: rows of scores, a verdict, and what could have been shown."""

from dataclasses import dataclass

from tracking.analysis.comparison.baselines import ATTENTION_EFFECT
from tracking.analysis.comparison.caveats import CAPPED, HARDLY_ACTS, UA_ONLY, hardly_acts, ua_only
from tracking.analysis.comparison.comparison import Comparison, Verdict
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.figures import SHOWN_FIRST, shown_variants
from tracking.analysis.report.headline import headline
from tracking.analysis.report.tables.rendering.formatting import (
    NOT_APPLICABLE,
    format_p_value,
    format_percent,
    format_points,
)
from tracking.analysis.statistics.power import ALPHA
from tracking.analysis.statistics.sign_flip import MIN_SPEAKERS
from tracking.analysis.variants.classical import ScoredBaseline
from tracking.analysis.variants.naming import SELECTED
from tracking.analysis.variants.scores import ScoredVariant, Scores

MAX_LISTED = 40

LEGEND = (
    "±: half of the 95% interval over speakers. Δ: points of UA above the baseline",
    "(base) and above logistic regression (LR). p: one-tailed sign flips over",
    "speakers, taken as independent, for the baseline adjusted for all comparisons",
    "(*: better); z: the literature's z-test of UA, utterances taken as independent.",
)
"""Lines that explain the columns of `summary_rows`."""


@dataclass(frozen=True)
class _Row:
    """Row of the table with what it is sorted by."""

    partial: bool
    ua: float
    cells: dict[str, str]


def summary_rows(analysis: Analysis) -> list[dict[str, str]]:
    """Return one row per variant or logistic regression, the highest UA first, those that lack folds last.

    See `summary_title` for what is left out.

    Returns:
        Rows with the keys variant, UA (± half of its interval), WA (in brackets where only UA may be interpreted),
        Δ base (against its baseline, points), p (joint sign flips over speakers), z (p of the z-test of UA), Δ LR
        (against logistic regression on the same features), p LR (sign flips), note; percent, as text.
    """
    rows = [_variant_row(analysis, variant) for variant in _listed_variants(analysis)]
    rows += [_baseline_row(analysis, baseline) for baseline in analysis.baselines]
    return [row.cells for row in sorted(rows, key=lambda row: (row.partial, -row.ua))]


def summary_title(analysis: Analysis) -> str:
    """Title that tells whether the rows are all variants, or those with panels on the page."""
    listed, total = len(_listed_variants(analysis)), len(analysis.variants)
    if listed == total:
        return "all variants of this corpus, in percent"
    return f"{listed} of {total} variants of this corpus, in percent: {SHOWN_FIRST}; the report has all"


def _listed_variants(analysis: Analysis) -> tuple[ScoredVariant, ...]:
    return analysis.variants if len(analysis.variants) <= MAX_LISTED else shown_variants(analysis)


def summary_verdict(analysis: Analysis) -> str:
    """Return the verdict of all comparisons in one line; where there is none, the reason."""
    comparisons = analysis.comparisons.comparisons
    judged = _judged(analysis)
    if not comparisons:
        return f"No verdict: nothing is compared. {headline(analysis)}"
    if not judged and any(comparison.ua_speakers.has_enough_speakers for comparison in comparisons):
        return f"No verdict: all that is compared are points of a sweep, for which '{SELECTED}' stands."
    if not judged:
        speakers = max(comparison.ua_speakers.clusters for comparison in comparisons)
        return f"No verdict: {speakers} test speakers are too few for a claim, which needs {MIN_SPEAKERS}."
    return f"Verdict: {_single_verdict(judged[0]) if len(judged) == 1 else _joint_verdict(judged)}."


def _judged(analysis: Analysis) -> list[Comparison]:
    """Return the comparisons that have a verdict, the most significant first."""
    judged = [comparison for comparison in analysis.comparisons.comparisons if comparison.joint_p is not None]
    return sorted(judged, key=lambda comparison: comparison.joint_p or 0.0)


def _single_verdict(comparison: Comparison) -> str:
    joint = comparison.joint
    assert joint is not None
    baseline = "none" if comparison.question == ATTENTION_EFFECT else comparison.baseline
    relation, p = {
        Verdict.BETTER: ("better than", joint.better_p),
        Verdict.WORSE: ("worse than", joint.worse_p),
        Verdict.WITHIN_MARGIN: (f"within {100 * joint.margin:g} points of", joint.within_p),
    }.get(comparison.verdict, ("not shown to be better than", joint.better_p))
    return f"{comparison.variant} is {relation} {baseline}, p = {format_p_value(p)}"


def _joint_verdict(judged: list[Comparison]) -> str:
    """Verdict on several comparisons, of which the first is the most significant."""
    verdicts, total = [comparison.verdict for comparison in judged], len(judged)
    better, worse, within = map(verdicts.count, (Verdict.BETTER, Verdict.WORSE, Verdict.WITHIN_MARGIN))
    smallest_p = format_p_value(judged[0].joint_p)
    worse_text = f", {worse} worse" if worse else ""
    if better:
        verb, owner = ("is", "its") if better == 1 else ("are", "their")
        return (
            f"{better} of {total} variants {verb} better than {owner} baseline{worse_text}; smallest p = {smallest_p}"
        )
    if within == total:
        margin = max(comparison.joint.margin for comparison in judged if comparison.joint is not None)
        return f"all {total} variants are within {100 * margin:g} points of their baseline"
    return f"0 of {total} variants shown to be better than their baseline{worse_text}; smallest p = {smallest_p}"


def shown_difference(analysis: Analysis) -> str:
    """Return which true differences these speakers could have shown, in one line; empty without a verdict."""
    judged = _judged(analysis)
    if not judged:
        return ""
    speakers = max(comparison.ua_speakers.clusters for comparison in judged)
    powers = [comparison.power for comparison in judged]
    differences = [
        difference
        for power in powers
        if (difference := power.minimum_difference(power.first_level or ALPHA)) is not None
    ]
    if not differences:
        return f"Power: {speakers} speakers could not have shown any difference among {len(judged)} comparisons."
    ends = dict.fromkeys(format_percent(end) for end in (min(differences), max(differences)))
    return f"Power: 80% for a true difference of {' to '.join(ends)} points, with {speakers} speakers."


def _variant_row(analysis: Analysis, variant: ScoredVariant) -> _Row:
    cells = {
        "variant": variant.label,
        **_scores(analysis, variant.scores),
        **_baseline_cells(analysis.comparison_of(variant.label)),
        **_regression_cells(analysis.classical_comparison_of(variant)),
        "note": "; ".join(_notes(analysis, variant)),
    }
    return _Row(not variant.complete, variant.scores.ua.mean, cells)


def _baseline_cells(comparison: Comparison | None) -> dict[str, str]:
    if comparison is None:
        return dict.fromkeys(("Δ base", "p", "z"), NOT_APPLICABLE)
    return {
        "Δ base": format_points(comparison.ua_speakers.difference),
        "p": _format_joint_p(comparison),
        "z": format_p_value(None if comparison.z_ua is None else comparison.z_ua.p),
    }


def _format_joint_p(comparison: Comparison) -> str:
    return format_p_value(comparison.joint_p) + "*" * (comparison.verdict is Verdict.BETTER)


def _baseline_row(analysis: Analysis, baseline: ScoredBaseline) -> _Row:
    cells = {
        "variant": baseline.label,
        **_scores(analysis, baseline.scores),
        **_baseline_cells(analysis.comparison_of(baseline.label)),
        **_regression_cells(None),
        "note": "",
    }
    return _Row(False, baseline.scores.ua.mean, cells)


def _scores(analysis: Analysis, scores: Scores) -> dict[str, str]:
    interval = scores.ua_interval
    half = "" if interval is None else f" ± {format_percent((interval.high - interval.low) / 2)}"
    wa = format_percent(scores.wa.mean)
    return {"UA": f"{format_percent(scores.ua.mean)}{half}", "WA": f"({wa})" if ua_only(analysis) else wa}


def _regression_cells(comparison: Comparison | None) -> dict[str, str]:
    if comparison is None:
        return {"Δ LR": NOT_APPLICABLE, "p LR": NOT_APPLICABLE}
    test = comparison.ua_speakers
    return {"Δ LR": format_points(test.difference), "p LR": format_p_value(test.claimable_p)}


def _notes(analysis: Analysis, variant: ScoredVariant) -> list[str]:
    """What to bear in mind with a variant's scores."""
    notes = []
    if not variant.complete:
        done = sum(len(folds) for folds in variant.folds.values())
        planned = len(variant.scheme) * len(variant.seeds)
        notes.append(
            f"partial: {done} of {planned} folds" if done < planned else "partial: not all of its points are complete"
        )
    elif variant not in analysis.reportable:
        notes.append("a point of a sweep: 'selected per fold' stands for it")
    if variant.capped:
        notes.append(CAPPED.title)
    if hardly_acts(variant):
        notes.append(HARDLY_ACTS.title)
    if ua_only(analysis):
        notes.append(UA_ONLY.title)
    return notes
