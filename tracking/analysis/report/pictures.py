"""The report's pictures as SVG, and which variants they show when there are too many to show all."""

from collections.abc import Sequence
from dataclasses import dataclass

from tracking.analysis.aggregate import ScoredVariant
from tracking.analysis.comparison import BETTER, Comparison
from tracking.analysis.figure_data import forest_rows, learning_curve, speaker_rows
from tracking.analysis.figures import confusion_figure, curves_figure, forest_figure, speaker_figure
from tracking.analysis.overview import Overview
from tracking.analysis.rendering import to_svg
from tracking.analysis.variants import SELECTED

MOST_ROWS = 40
MOST_PANELS = 12
WIDE, NARROW = 7.6, 3.7


@dataclass(frozen=True)
class Picture:
    """A picture in one or two widths; the page shows the one that fits.

    Attributes:
        wide: SVG for a screen or paper.
        narrow: SVG for a phone; empty where the wide one is narrow already.
    """

    wide: str
    narrow: str = ""


@dataclass(frozen=True)
class Pictures:
    """All pictures of a report.

    Attributes:
        forest: Differences with intervals; None where nothing was compared.
        forest_note: Which comparisons are drawn, where not all are; else empty.
        speakers: UA of each speaker; None where there are no variants.
        confusions: Confusion matrices.
        curves: Learning curves.
        panels_note: Which variants are drawn, where not all are; else empty.
    """

    forest: Picture | None
    forest_note: str
    speakers: Picture | None
    confusions: tuple[Picture, ...]
    curves: tuple[Picture, ...]
    panels_note: str


def draw_pictures(overview: Overview) -> Pictures:
    """Draws the pictures of a report.

    Args:
        overview: What the results say.

    Returns:
        The pictures, SVG text with all names escaped.
    """
    made, shown = overview.comparisons.made, shown_variants(overview)
    compared = shown_comparisons(overview)
    forest_note = (
        "" if len(compared) == len(made) else f"{len(compared)} of {len(made)} comparisons; the table has all."
    )
    panels_note = (
        ""
        if len(shown) == len(overview.scored)
        else f"{len(shown)} of {len(overview.scored)} variants: the highest UA, the baselines and what was "
        "selected per fold come first; the CSV files have all."
    )
    return Pictures(
        _forest(compared),
        forest_note,
        _speakers(shown),
        tuple(_confusion(entry) for entry in shown),
        tuple(_curves(entry) for entry in shown),
        panels_note,
    )


def shown_comparisons(overview: Overview) -> tuple[Comparison, ...]:
    """The comparisons that the forest plot shows, in the order of the table."""
    made = overview.comparisons.made
    selected = {entry.variant.label for entry in overview.scored if entry.variant.kind == SELECTED}
    ranked = sorted(range(len(made)), key=lambda i: (made[i].verdict != BETTER, made[i].variant not in selected, i))
    return tuple(made[place] for place in sorted(ranked[:MOST_ROWS]))


def shown_variants(overview: Overview) -> tuple[ScoredVariant, ...]:
    """The variants that have panels of their own, in the order of the report."""
    scored = overview.scored
    best = max(overview.complete, key=lambda entry: entry.scores.ua.mean, default=None)
    comparison = None if best is None else overview.comparison_of(best.variant.label)
    against = None if comparison is None else comparison.baseline

    def rank(place: int) -> tuple[bool, bool, bool, bool, int]:
        entry = scored[place]
        return (
            entry is not best,
            entry.variant.label != against,
            entry.variant.configuration.attention != "none",
            entry.variant.kind != SELECTED,
            place,
        )

    chosen = sorted(range(len(scored)), key=rank)[:MOST_PANELS]
    return tuple(scored[place] for place in sorted(chosen))


def _forest(comparisons: Sequence[Comparison]) -> Picture | None:
    if not comparisons:
        return None
    rows = forest_rows(comparisons)
    title = "UA against the baseline, with 95% intervals"
    words = (
        f"Forest plot of {len(rows)} differences of UA from their baselines with 95% intervals, as in the tests table"
    )
    return Picture(
        to_svg(forest_figure(rows, WIDE, title), words),
        to_svg(forest_figure(rows, NARROW, title), words),
    )


def _speakers(shown: Sequence[ScoredVariant]) -> Picture | None:
    if not shown:
        return None
    rows = speaker_rows(shown)
    title = "UA of each test speaker"
    words = f"UA of each test speaker under {len(rows)} variants, one point a speaker; speakers.csv has the numbers"
    return Picture(
        to_svg(speaker_figure(rows, WIDE, title), words),
        to_svg(speaker_figure(rows, NARROW, title), words),
    )


def _confusion(entry: ScoredVariant) -> Picture:
    label = entry.variant.label
    figure = confusion_figure(entry.scores.confusion, entry.evidence.corpus.emotions, label)
    return Picture(to_svg(figure, f"Confusion matrix of {label}; confusions.csv has the counts"))


def _curves(entry: ScoredVariant) -> Picture:
    label = entry.variant.label
    folds = [fold for seed in entry.variant.scored_seeds for fold in entry.variant.folds[seed]]
    loss, ua = learning_curve(folds, "training_loss"), learning_curve(folds, "validation_ua")
    return Picture(to_svg(curves_figure(loss, ua, label), f"Learning curves of {label}; curves.csv has the numbers"))
