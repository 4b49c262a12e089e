"""Summary of a report for the terminal."""

from tracking.analysis.comparison.caveats import CAPPED, HARDLY_ACTS, UA_ONLY, hardly_acts, ua_only
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.figures import SHOWN_FIRST, shown_variants
from tracking.analysis.report.headline import headline
from tracking.analysis.report.tables.formatting import (
    EM_DASH,
    format_p_value,
    format_percent,
    format_percent_spread,
    format_points,
)
from tracking.analysis.variants.scores import ScoredVariant, Scores

MAX_LISTED = 40


def summary_rows(analysis: Analysis) -> list[dict[str, str]]:
    """Return one row per variant or baseline, in the order of the report; see `summary_title` for what is left out.

    Args:
        analysis: What the results say.

    Returns:
        Rows with the keys variant, UA, WA (in brackets where only UA may be interpreted), UA folds (mean ±
        deviation), dUA (against its baseline, points), p (joint sign flips over speakers), note;
        percent, as text.
    """
    rows = [_row(analysis, variant) for variant in _listed_variants(analysis)]
    for baseline in analysis.baselines:
        scores = baseline.scores
        rows.append(
            {
                "variant": baseline.result.name,
                "UA": format_percent(scores.ua.mean),
                "WA": _format_wa(analysis, scores),
                "UA folds": format_percent_spread(scores.ua_folds),
                "dUA": EM_DASH,
                "p": EM_DASH,
                "note": "baseline",
            }
        )
    return rows


def summary_title(analysis: Analysis) -> str:
    """Title that tells whether the rows are all variants, or those with panels on the page."""
    listed, total = len(_listed_variants(analysis)), len(analysis.variants)
    if listed == total:
        return "all variants of this corpus, in percent"
    return f"{listed} of {total} variants of this corpus, in percent: {SHOWN_FIRST}; the report has all"


def _listed_variants(analysis: Analysis) -> tuple[ScoredVariant, ...]:
    return analysis.variants if len(analysis.variants) <= MAX_LISTED else shown_variants(analysis)


def summary_sentence(analysis: Analysis) -> str:
    """First sentence of the report: the best variant, its lead and the significance."""
    return headline(analysis).sentence


def _format_wa(analysis: Analysis, scores: Scores) -> str:
    return f"({format_percent(scores.wa.mean)})" if ua_only(analysis) else format_percent(scores.wa.mean)


def _row(analysis: Analysis, variant: ScoredVariant) -> dict[str, str]:
    comparison = analysis.comparison_of(variant.label)
    notes = []
    if not variant.complete:
        done = sum(len(folds) for folds in variant.folds.values())
        planned = len(variant.scheme) * len(variant.seeds)
        notes.append(
            f"partial: {done} of {planned} folds" if done < planned else "partial: not all of its points are complete"
        )
    if variant.capped:
        notes.append(CAPPED.title)
    if hardly_acts(variant):
        notes.append(HARDLY_ACTS.title)
    if ua_only(analysis):
        notes.append(UA_ONLY.title)
    if comparison is not None:
        notes.append(comparison.verdict_text)
    return {
        "variant": variant.label,
        "UA": format_percent(variant.scores.ua.mean),
        "WA": _format_wa(analysis, variant.scores),
        "UA folds": format_percent_spread(variant.scores.ua_folds),
        "dUA": EM_DASH if comparison is None else format_points(comparison.ua_speakers.difference),
        "p": EM_DASH if comparison is None else format_p_value(comparison.joint_p),
        "note": "; ".join(notes),
    }
