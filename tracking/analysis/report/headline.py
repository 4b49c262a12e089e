"""The report's first sentences: which variant is best, by how much, and how sure."""

from dataclasses import dataclass

from tracking.analysis.comparison.baselines import ATTENTION_EFFECT
from tracking.analysis.comparison.comparison import Comparison, Verdict
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.formatting import format_p_value, format_percent, format_points, interval_points
from tracking.analysis.variants.scores import ScoredVariant


@dataclass(frozen=True)
class Headline:
    """The first screen's words.

    Attributes:
        sentence: Which variant, by how much, how sure.
        remarks: What keeps a reader from reading too much into it.
    """

    sentence: str
    remarks: tuple[str, ...]


def headline(overview: Analysis) -> Headline:
    """Words the result.

    Args:
        overview: What the results say.

    Returns:
        The sentence and its remarks.
    """
    candidates = overview.reportable
    if not candidates and overview.complete:
        return Headline(
            "No variant may be named yet: a choice among swept points is made per fold, once all of them are complete.",
            (),
        )
    if not candidates:
        return Headline("No variant is complete yet, so nothing can be compared.", ())
    best = max(candidates, key=lambda entry: entry.scores.ua.mean)
    comparison = overview.comparison_of(best.label)
    opening = f"{best.label} has the highest UA, {format_percent(best.scores.ua.mean)}%"
    if comparison is None:
        sentence = f"{opening}. {_describe_missing_comparison(overview, best)}"
    else:
        significance = _describe_significance(comparison, overview.comparisons.family_size)
        sentence = f"{opening}: {_describe_difference(comparison)}. {significance}"
    return Headline(sentence + _stronger_baselines(overview, best), tuple(_remarks(overview, best)))


def _stronger_baselines(overview: Analysis, best: ScoredVariant) -> str:
    """Says which baselines of another kind stand above the best variant: without that its sentence would flatter."""
    mine = best.scores.ua.mean
    return "".join(
        f" {baseline.result.name[:1].upper()}{baseline.result.name[1:]} on utterance means and deviations stands "
        f"{format_points(baseline.scores.ua.mean - mine).lstrip('+')} points above it, "
        f"at {format_percent(baseline.scores.ua.mean)}%."
        for baseline in overview.baselines
        if format_percent(baseline.scores.ua.mean) != format_percent(mine) and baseline.scores.ua.mean > mine
    )


def _describe_difference(comparison: Comparison) -> str:
    test = comparison.ua_speakers
    gap = format_points(abs(test.difference)).lstrip("+")
    if gap == "0.0":
        against = f"level with {comparison.baseline}"
    else:
        against = f"{gap} points {'above' if test.difference > 0 else 'below'} {comparison.baseline}"
    return f"{against} (95% interval {interval_points(test.interval)})"


def _describe_significance(comparison: Comparison, family: int) -> str:
    adjusted = f"after Holm's adjustment for {family} comparison{'s' * (family != 1)}"
    test = comparison.ua_speakers
    if comparison.verdict is Verdict.NO_CLAIM:
        return f"No claim is made: {test.clusters} test speakers are too few."
    if comparison.verdict is Verdict.BETTER:
        return (
            f"It is shown to be better: p = {format_p_value(comparison.holm_p)} over {test.clusters} speakers "
            f"{adjusted}."
        )
    return (
        f"It is not shown to be better: p = {format_p_value(comparison.holm_p)} over {test.clusters} speakers "
        f"{adjusted} (alone: {format_p_value(test.p)})."
    )


def _describe_missing_comparison(overview: Analysis, best: ScoredVariant) -> str:
    for refusal in overview.comparisons.skipped:
        if refusal.variant == best.label:
            return f"It is not compared: {refusal.reason}."
    made = {one.variant: one for one in overview.comparisons.comparisons if one.question == ATTENTION_EFFECT}
    rivals = [entry for entry in overview.reportable if entry.label in made]
    if best.configuration.attention == "none" and rivals:
        nearest = max(rivals, key=lambda entry: entry.scores.ua.mean).label
        comparison = made[nearest]
        return (
            f"It is a baseline itself: no attention scores higher. The best of them, {nearest}, stands "
            f"{_describe_difference(comparison)}. "
            f"{_describe_significance(comparison, overview.comparisons.family_size)}"
        )
    if any(one.baseline == best.label for one in overview.comparisons.comparisons):
        return "It is a baseline itself: no variant named here scores higher."
    return "There is nothing to compare it with yet."


def _remarks(overview: Analysis, best: ScoredVariant) -> list[str]:
    remarks = []
    made = overview.comparisons.comparisons
    shown = [f"{one.variant} (against {one.baseline})" for one in made if one.verdict is Verdict.BETTER]
    if shown:
        more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
        remarks.append(f"Shown to be better than their baseline: {', '.join(shown[:5])}{more}.")
    elif made and any(one.question == ATTENTION_EFFECT for one in made):
        remarks.append("No variant is shown to be better than its baseline.")
    if len(overview.reportable) > 1:
        remarks.append(
            f"It is named here because its test score is the highest of {len(overview.reportable)} variants, which "
            f"flatters it{_adjusted(overview, best)}."
        )
    if len(overview.reportable) < len(overview.complete):
        remarks.append(
            "Where several points were swept, 'selected per fold' stands for them: each fold's own validation speaker "
            "chose. A single point may stand higher in the tables; to name it for that would be choosing on test data."
        )
    if best.capped:
        remarks.append(
            f"Its targets: {format_percent(best.capped_share)}% were shortened, so it is not comparable as this "
            "strategy."
        )
    for baseline in overview.baselines:
        below = best.scores.ua.mean - baseline.scores.ua.mean
        if below >= 0:
            remarks.append(
                f"For scale: {baseline.result.name} on utterance means and deviations reaches "
                f"{format_percent(baseline.scores.ua.mean)}% UA, {format_points(below).lstrip('+')} points below it."
            )
    return remarks


def _adjusted(overview: Analysis, best: ScoredVariant) -> str:
    if overview.comparison_of(best.label) is None:
        return ""
    return ": p is adjusted for that, the difference and its interval are not"
