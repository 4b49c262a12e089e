"""The result of a study as a few rows for a terminal."""

from tracking.analysis.comparison.caveats import CAPPED, UA_ONLY, ua_only
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.figures import SHOWN_FIRST, shown_variants
from tracking.analysis.report.headline import headline
from tracking.analysis.report.tables.formatting import (
    EM_DASH,
    format_p_value,
    format_percent,
    format_points,
    spread_percent,
)
from tracking.analysis.variants.scores import ScoredVariant, Scores

MOST_LISTED = 40


def summary_rows(overview: Analysis) -> list[dict[str, str]]:
    """One row a variant or baseline, in the order of the report; see `summary_title` for what is left out.

    Args:
        overview: What the results say.

    Returns:
        Rows with the keys variant, UA, WA (in brackets where only UA is to be read), UA folds (mean ±
        deviation), dUA (against its baseline, points), p (sign-flip over speakers after Holm), note;
        percent, as text.
    """
    rows = [_row(overview, entry) for entry in _listed(overview)]
    for baseline in overview.baselines:
        scores = baseline.scores
        rows.append(
            {
                "variant": baseline.result.name,
                "UA": format_percent(scores.ua.mean),
                "WA": _wa(overview, scores),
                "UA folds": spread_percent(scores.ua_folds),
                "dUA": EM_DASH,
                "p": EM_DASH,
                "note": "baseline",
            }
        )
    return rows


def summary_title(overview: Analysis) -> str:
    """Which variants the rows are of; where there are more than `MOST_LISTED`, those that have panels on the page."""
    listed, scored = len(_listed(overview)), len(overview.variants)
    if listed == scored:
        return "all variants of this corpus, in percent"
    return f"{listed} of {scored} variants of this corpus, in percent: {SHOWN_FIRST}; the report has all"


def _listed(overview: Analysis) -> tuple[ScoredVariant, ...]:
    return overview.variants if len(overview.variants) <= MOST_LISTED else shown_variants(overview)


def summary_sentence(overview: Analysis) -> str:
    """Which variant is best, by how much, and how sure: the report's first sentence."""
    return headline(overview).sentence


def _wa(overview: Analysis, scores: Scores) -> str:
    return f"({format_percent(scores.wa.mean)})" if ua_only(overview) else format_percent(scores.wa.mean)


def _row(overview: Analysis, entry: ScoredVariant) -> dict[str, str]:
    comparison = overview.comparison_of(entry.label)
    notes = []
    if not entry.complete:
        have = sum(len(folds) for folds in entry.folds.values())
        want = len(entry.scheme) * len(entry.seeds)
        notes.append(
            f"partial: {have} of {want} folds" if have < want else "partial: not all of its points are complete"
        )
    if entry.capped:
        notes.append(CAPPED.title)
    if ua_only(overview):
        notes.append(UA_ONLY.title)
    if comparison is not None:
        notes.append(comparison.verdict)
    return {
        "variant": entry.label,
        "UA": format_percent(entry.scores.ua.mean),
        "WA": _wa(overview, entry.scores),
        "UA folds": spread_percent(entry.scores.ua_folds),
        "dUA": EM_DASH if comparison is None else format_points(comparison.ua_speakers.difference),
        "p": EM_DASH if comparison is None else format_p_value(comparison.holm_p),
        "note": "; ".join(notes),
    }
