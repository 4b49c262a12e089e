"""The result of a study as a few rows for a terminal."""

from tracking.analysis.comparison.caveats import CAPPED, UA_ONLY, ua_only
from tracking.analysis.comparison.overview import Overview
from tracking.analysis.report.figures import SHOWN_FIRST, shown_variants
from tracking.analysis.report.headline import headline
from tracking.analysis.report.tables.formatting import NONE, percent, points, probability, spread_percent
from tracking.analysis.variants.scores import ScoredVariant, Scores

MOST_LISTED = 40


def summary_rows(overview: Overview) -> list[dict[str, str]]:
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
                "UA": percent(scores.ua.mean),
                "WA": _wa(overview, scores),
                "UA folds": spread_percent(scores.ua_folds),
                "dUA": NONE,
                "p": NONE,
                "note": "baseline",
            }
        )
    return rows


def summary_title(overview: Overview) -> str:
    """Which variants the rows are of; where there are more than `MOST_LISTED`, those that have panels on the page."""
    listed, scored = len(_listed(overview)), len(overview.scored)
    if listed == scored:
        return "all variants of this corpus, in percent"
    return f"{listed} of {scored} variants of this corpus, in percent: {SHOWN_FIRST}; the report has all"


def _listed(overview: Overview) -> tuple[ScoredVariant, ...]:
    return overview.scored if len(overview.scored) <= MOST_LISTED else shown_variants(overview)


def summary_sentence(overview: Overview) -> str:
    """Which variant is best, by how much, and how sure: the report's first sentence."""
    return headline(overview).sentence


def _wa(overview: Overview, scores: Scores) -> str:
    return f"({percent(scores.wa.mean)})" if ua_only(overview) else percent(scores.wa.mean)


def _row(overview: Overview, entry: ScoredVariant) -> dict[str, str]:
    comparison = overview.comparison_of(entry.variant.label)
    notes = []
    if not entry.variant.complete:
        have = sum(len(folds) for folds in entry.variant.folds.values())
        want = len(entry.variant.scheme) * len(entry.variant.seeds)
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
        "variant": entry.variant.label,
        "UA": percent(entry.scores.ua.mean),
        "WA": _wa(overview, entry.scores),
        "UA folds": spread_percent(entry.scores.ua_folds),
        "dUA": NONE if comparison is None else points(comparison.ua_speakers.difference),
        "p": NONE if comparison is None else probability(comparison.holm_p),
        "note": "; ".join(notes),
    }
