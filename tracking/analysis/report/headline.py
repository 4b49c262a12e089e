"""Sentence of the report: the variant that validation chose, its UA, and the verdict on it."""

from tracking.analysis.comparison.comparison import Comparison, Verdict
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.rendering.formatting import (
    format_p_value,
    format_percent,
    format_points,
    format_points_interval,
)
from tracking.analysis.variants.choice import choose_variant
from tracking.analysis.variants.naming import target_label
from tracking.analysis.variants.scores import ScoredVariant


def headline(analysis: Analysis) -> str:
    """Describe the main result in one sentence.

    Returns:
        The variant that validation chose and its UA, the verdict on it, and how far logistic regression is from it; of
        a point of a sweep the name alone, and all else of the choice per fold: the point was chosen with the labels of
        all speakers. Where nothing is compared, the reason and the remedy.
    """
    winner = choose_variant(analysis.variants)
    if winner is None:
        return "No variant is complete yet, so nothing can be compared."
    reported = analysis.reported(winner)
    opening = "" if reported is winner else f"{winner.label}, a point of a sweep; what counts is "
    ua = format_percent(reported.scores.ua.mean)
    verdict = _describe_verdict(analysis, winner, reported)
    subject = "the chosen one" if reported is winner else "the choice per fold"
    regression = _describe_regression(analysis, reported, subject)
    return f"Validation chose {opening}{reported.label} (UA {ua}%){verdict}{regression}."


def _describe_verdict(analysis: Analysis, winner: ScoredVariant, reported: ScoredVariant) -> str:
    comparison = analysis.comparison_of(reported.label)
    if comparison is not None:
        difference = _describe_difference(comparison, comparison.baseline)
        return f", which is {difference}, {_describe_significance(comparison)}"
    for baseline in dict.fromkeys((reported, winner)):
        rivals = [rival for rival in analysis.comparisons.comparisons if rival.baseline == baseline.label]
        if rivals:
            subject = "a baseline itself" if baseline is reported else "of which a point is a baseline"
            return f", {subject}: {_describe_rivals(rivals, 'it' if baseline is reported else baseline.label)}"
    for skipped in analysis.comparisons.skipped:
        if skipped.variant == reported.label:
            return f"; it is not compared: {skipped.reason.removeprefix('no baseline: ')}{_remedy(analysis, winner)}"
    return "; there is nothing to compare it with"


def _describe_rivals(rivals: list[Comparison], baseline: str) -> str:
    """Describe how the variants that are compared with a baseline fare."""
    better = [rival for rival in rivals if rival.verdict is Verdict.BETTER]
    first = min(better or rivals, key=lambda rival: (rival.joint_p is None, rival.joint_p or 0.0))
    text = f"{first.variant} is {_describe_difference(first, baseline)}, {_describe_significance(first)}"
    if len(better) > 1:
        return f"{text}, and so {'is' if len(better) == 2 else 'are'} {len(better) - 1} more"
    if len(rivals) > 1 and not better:
        others = "is the other one" if len(rivals) == 2 else f"are the {len(rivals) - 1} others"
        return f"{text}, nor {others} better"
    return text


def _describe_difference(comparison: Comparison, baseline: str) -> str:
    test = comparison.ua_speakers
    gap = format_points(abs(test.difference)).lstrip("+")
    if gap == "0.0":
        lead = f"level with {baseline}"
    else:
        lead = f"{gap} points {'above' if test.difference > 0 else 'below'} {baseline}"
    return f"{lead} (95% interval {format_points_interval(test.interval)})"


def _describe_significance(comparison: Comparison) -> str:
    joint = comparison.joint
    if comparison.verdict is Verdict.REPRESENTED:
        return "without a verdict"
    if joint is None:
        return f"a claim for which {comparison.ua_speakers.clusters} test speakers are too few"
    if comparison.verdict is Verdict.BETTER:
        return f"significantly better (p = {format_p_value(joint.better_p)}, joint sign flips)"
    if comparison.verdict is Verdict.WORSE:
        return f"significantly worse (p = {format_p_value(joint.worse_p)}, joint sign flips)"
    if comparison.verdict is Verdict.WITHIN_MARGIN:
        return f"{comparison.verdict_text} (p = {format_p_value(joint.within_p)}, joint sign flips)"
    return f"not shown to be better (p = {format_p_value(joint.better_p)}, joint sign flips)"


def _remedy(analysis: Analysis, winner: ScoredVariant) -> str:
    """Command that adds the baseline of a variant; empty where it exists."""
    alike = (
        variant
        for variant in analysis.variants
        if variant.configuration.attention == "none" and _study_settings(variant) == _study_settings(winner)
    )
    return "" if any(alike) else "; `make study ATTN=none` with the same options adds the baseline"


def _study_settings(variant: ScoredVariant) -> tuple[object, ...]:
    """Return what a study of attentions holds fixed."""
    configuration = variant.configuration
    return target_label(configuration), configuration.features, variant.recipe


def _describe_regression(analysis: Analysis, reported: ScoredVariant, subject: str) -> str:
    """Say how logistic regression compares with what is reported: without it the sentence would flatter."""
    comparison = analysis.classical_comparison_of(reported)
    if comparison is None:
        return ""
    difference = comparison.ua_speakers.difference
    gap = format_points(abs(difference)).lstrip("+")
    if gap == "0.0":
        return f"; {comparison.baseline} is level with {subject}"
    return f"; {comparison.baseline} is {gap} points {'below' if difference > 0 else 'above'} {subject}"
