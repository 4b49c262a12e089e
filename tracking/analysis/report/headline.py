"""First sentences of the report: the best variant, its lead over the baseline, and the significance."""

from dataclasses import dataclass

from tracking.analysis.comparison.baselines import ATTENTION_EFFECT
from tracking.analysis.comparison.caveats import hardly_acts
from tracking.analysis.comparison.comparison import Comparison, Verdict
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.formatting import (
    format_p_value,
    format_percent,
    format_points,
    format_points_interval,
)
from tracking.analysis.variants.classical import ScoredBaseline
from tracking.analysis.variants.naming import target_label
from tracking.analysis.variants.scores import ScoredVariant

_MAX_NAMED = 5
_MAX_BASELINES = 2
"""Number of significant variants that the remarks name."""


@dataclass(frozen=True)
class Headline:
    """Text of the first screen.

    Attributes:
        sentence: The best variant, its lead and the significance.
        remarks: Cautions against reading too much into the sentence.
    """

    sentence: str
    remarks: tuple[str, ...]


def headline(analysis: Analysis) -> Headline:
    """Describe the main result.

    Args:
        analysis: The analysed results.

    Returns:
        The sentence and its remarks.
    """
    candidates = analysis.reportable
    if not candidates and analysis.complete:
        return Headline(
            "No result to report yet: points of a sweep are selected per fold once all of them are complete.", ()
        )
    if not candidates:
        return Headline("No variant is complete yet, so nothing can be compared.", ())
    best = max(candidates, key=lambda variant: variant.scores.ua.mean)
    comparison = analysis.comparison_of(best.label)
    opening = f"{best.label} has the highest UA, {format_percent(best.scores.ua.mean)}%"
    if comparison is None:
        sentence = f"{opening}. {_describe_missing_comparison(analysis, best)}"
    else:
        significance = _describe_significance(comparison, analysis.comparisons.family.tested)
        sentence = f"{opening}: {_describe_difference(comparison)}. {significance}"
    return Headline(sentence + _stronger_baselines(analysis, best), tuple(_remarks(analysis, best)))


def _stronger_baselines(analysis: Analysis, best: ScoredVariant) -> str:
    """Sentences on baselines of another kind that score higher: without them the headline would flatter."""
    best_ua = best.scores.ua.mean
    stronger = [
        baseline
        for baseline in sorted(analysis.baselines, key=lambda baseline: -baseline.scores.ua.mean)
        if _describe_baseline(baseline)[1] != f"{format_percent(best_ua)}%" and baseline.scores.ua.mean > best_ua
    ]
    sentences = []
    for baseline in stronger[:_MAX_BASELINES]:
        name, ua = _describe_baseline(baseline)
        lead = format_points(baseline.scores.ua.mean - best_ua)
        sentences.append(f" {name[:1].upper()}{name[1:]} scores higher: {ua} UA ({lead} points).")
    more = len(stronger) - _MAX_BASELINES
    return "".join(sentences) + (f" So do {more} more classical baselines." if more > 0 else "")


def _describe_baseline(baseline: ScoredBaseline) -> tuple[str, str]:
    """Name of a baseline, and its UA."""
    return baseline.label, f"{format_percent(baseline.scores.ua.mean)}%"


def _describe_difference(comparison: Comparison) -> str:
    test = comparison.ua_speakers
    gap = format_points(abs(test.difference)).lstrip("+")
    if gap == "0.0":
        lead = f"level with {comparison.baseline}"
    else:
        lead = f"{gap} points {'above' if test.difference > 0 else 'below'} {comparison.baseline}"
    return f"{lead} (95% interval {format_points_interval(test.interval)})"


def _describe_significance(comparison: Comparison, tested: int) -> str:
    test, joint = comparison.ua_speakers, comparison.joint
    if joint is None:
        return f"No claim is made: {test.clusters} test speakers are too few."
    adjustment = f"in joint sign flips of {tested} comparison{'s' * (tested != 1)} over {test.clusters} speakers"
    if comparison.verdict is Verdict.BETTER:
        return f"The difference is significant: p = {format_p_value(joint.better_p)} {adjustment}."
    if comparison.verdict is Verdict.WORSE:
        return f"It is significantly worse: p = {format_p_value(joint.worse_p)} {adjustment}."
    sentence = (
        f"The difference is not significant: p = {format_p_value(joint.better_p)} {adjustment} (unadjusted: "
        f"{format_p_value(test.p)})."
    )
    if comparison.verdict is Verdict.WITHIN_MARGIN:
        return f"{sentence} It is {comparison.verdict_text}: p = {format_p_value(joint.within_p)}."
    return sentence


def _describe_missing_comparison(analysis: Analysis, best: ScoredVariant) -> str:
    for skipped in analysis.comparisons.skipped:
        if skipped.variant == best.label:
            return f"Not compared: {skipped.reason.removeprefix('no baseline: ')}.{_baseline_remedy(analysis, best)}"
    comparisons = {
        comparison.variant: comparison
        for comparison in analysis.comparisons.comparisons
        if comparison.question == ATTENTION_EFFECT
    }
    rivals = [variant for variant in analysis.reportable if variant.label in comparisons]
    if best.configuration.attention == "none" and rivals:
        runner_up = max(rivals, key=lambda variant: variant.scores.ua.mean).label
        comparison = comparisons[runner_up]
        return (
            f"It is a baseline itself: no attention scores higher. The best attention, {runner_up}, is "
            f"{_describe_difference(comparison)}. "
            f"{_describe_significance(comparison, analysis.comparisons.family.tested)}"
        )
    if any(comparison.baseline == best.label for comparison in analysis.comparisons.comparisons):
        return "It is a baseline itself: no other variant scores higher."
    return "There is nothing to compare it with yet."


def _baseline_remedy(analysis: Analysis, best: ScoredVariant) -> str:
    """Command that adds the baseline of a variant; empty where it exists."""
    target, recipe = target_label(best.configuration), best.recipe
    attentions = {
        variant.configuration.attention
        for variant in analysis.variants
        if (target_label(variant.configuration), variant.recipe) == (target, recipe)
    }
    return "" if "none" in attentions else " Run `make study ATTN=none` with the same options to add the baseline."


def _remarks(analysis: Analysis, best: ScoredVariant) -> list[str]:
    remarks = []
    comparisons = analysis.comparisons.comparisons
    significant = [
        f"{comparison.variant} (against {comparison.baseline})"
        for comparison in comparisons
        if comparison.verdict is Verdict.BETTER
    ]
    if significant:
        more = f" and {len(significant) - _MAX_NAMED} more" if len(significant) > _MAX_NAMED else ""
        remarks.append(f"Significantly better than their baseline: {', '.join(significant[:_MAX_NAMED])}{more}.")
    elif any(comparison.question == ATTENTION_EFFECT for comparison in comparisons):
        remarks.append("No variant is significantly better than its baseline.")
    if len(analysis.reportable) > 1:
        adjusted = analysis.comparison_of(best.label) is not None
        note = ": p is adjusted for that, the difference and its interval are not" if adjusted else ""
        remarks.append(
            f"{best.label} was picked as the highest test score of {len(analysis.reportable)} variants, which flatters "
            f"it{note}."
        )
    if len(analysis.reportable) < len(analysis.complete):
        remarks.append(
            "'selected per fold' represents a sweep: the validation speakers of each fold chose the point. A single "
            "point may have a higher score in the tables; to report it for that would be choosing on test data."
        )
    if best.capped:
        remarks.append(
            f"{format_percent(best.capped_share)}% of the targets of {best.label} were shortened, so it is not "
            "comparable as this label strategy."
        )
    if hardly_acts(best):
        remarks.append(
            f"The attention of {best.label} hardly acts: taken out of the trained networks, it changes "
            f"{format_percent(best.changed_decision_share)}% of the decisions."
        )
    for baseline in analysis.baselines:
        lead = best.scores.ua.mean - baseline.scores.ua.mean
        if lead >= 0:
            name, ua = _describe_baseline(baseline)
            remarks.append(f"For scale: {name} reaches {ua} UA ({format_points(-lead)} points).")
    return remarks
