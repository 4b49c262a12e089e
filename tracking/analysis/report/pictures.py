"""The report's pictures as SVG, and which variants they show when there are too many to show all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.analysis.aggregate import ScoredVariant
from tracking.analysis.badges import ua_only
from tracking.analysis.comparison import BETTER, Comparison
from tracking.analysis.figure_data import ScopeLine, common_percent, forest_rows, learning_curve, speaker_rows
from tracking.analysis.figures import confusion_figure, curves_figure
from tracking.analysis.overview import Overview
from tracking.analysis.rendering import to_svg
from tracking.analysis.report.background import Importances
from tracking.analysis.row_figures import forest_figure, speaker_figure
from tracking.analysis.search_figures import importance_figure, scope_figure
from tracking.analysis.variants import SELECTED
from tracking.meanwhile import Meanwhile

MOST_ROWS = 40
MOST_PANELS = 12
MOST_LINES = 16
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
        forest: Differences with intervals of the variants that may be named; None where none was compared.
        all_forest: The same of every comparison; None where that is no more.
        all_forest_note: Which comparisons are drawn, where not all are; else empty.
        speakers: UA of each speaker; None where there are no variants.
        curves: Learning curves.
        scopes: UA over the scope; None where no variant was run with two scopes.
        panels_note: Which variants are drawn, where not all are; else empty.
    """

    forest: Picture | None
    all_forest: Picture | None
    all_forest_note: str
    speakers: Picture | None
    curves: tuple[Picture, ...]
    scopes: Picture | None
    panels_note: str


def draw_pictures(overview: Overview, lines: Sequence[ScopeLine]) -> Pictures:
    """Draws the pictures of a report.

    Args:
        overview: What the results say.
        lines: UA over scopes.

    Returns:
        The pictures, SVG text with all names escaped.
    """
    made, shown = overview.comparisons.made, shown_variants(overview)
    first, every = first_comparisons(overview), shown_comparisons(overview)
    panels_note = (
        ""
        if len(shown) == len(overview.scored)
        else f"{len(shown)} of {len(overview.scored)} variants: first those that may be named, then the baselines; "
        "the CSV files have all."
    )
    return Pictures(
        _forest(first, "UA against the baseline, with 95% intervals"),
        _forest(every, "UA against the baseline, every comparison") if len(every) > len(first) else None,
        "" if len(every) == len(made) else f"{len(every)} of {len(made)} comparisons are drawn; the table has all.",
        _speakers(shown, ua_only(overview)),
        _curves(shown),
        _scopes(lines[:MOST_LINES]),
        panels_note,
    )


def first_comparisons(overview: Overview) -> tuple[Comparison, ...]:
    """The comparisons of the first screen: of variants that may be named without choosing on test data."""
    reportable = {entry.variant.label for entry in overview.reportable}
    return tuple(made for made in overview.comparisons.made if made.variant in reportable)[:MOST_ROWS]


def shown_comparisons(overview: Overview) -> tuple[Comparison, ...]:
    """The comparisons that the larger forest plot shows, in the order of the table."""
    made = overview.comparisons.made
    selected = {entry.variant.label for entry in overview.scored if entry.variant.kind == SELECTED}
    ranked = sorted(range(len(made)), key=lambda i: (made[i].verdict != BETTER, made[i].variant not in selected, i))
    return tuple(made[place] for place in sorted(ranked[:MOST_ROWS]))


def shown_variants(overview: Overview) -> tuple[ScoredVariant, ...]:
    """The variants that have panels of their own, in the order of the report: first those that may be named."""
    scored = overview.scored
    best = max(overview.reportable, key=lambda entry: entry.scores.ua.mean, default=None)
    comparison = None if best is None else overview.comparison_of(best.variant.label)
    against = None if comparison is None else comparison.baseline

    named = {entry.variant.label for entry in overview.reportable}

    def rank(place: int) -> tuple[bool, bool, bool, bool, bool, int]:
        entry = scored[place]
        return (
            entry is not best,
            entry.variant.label != against,
            entry.variant.label not in named,
            entry.variant.configuration.attention != "none",
            entry.variant.kind != SELECTED,
            place,
        )

    chosen = sorted(range(len(scored)), key=rank)[:MOST_PANELS]
    return tuple(scored[place] for place in sorted(chosen))


def _forest(comparisons: Sequence[Comparison], title: str) -> Picture | None:
    if not comparisons:
        return None
    rows = forest_rows(comparisons)
    words = f"{title}: {len(rows)} differences with their intervals; tests.csv has the numbers"
    return Picture(
        to_svg(forest_figure(rows, WIDE, title), words),
        to_svg(forest_figure(rows, NARROW, title), words),
    )


def _speakers(shown: Sequence[ScoredVariant], wa_muted: bool) -> Picture | None:
    if not shown:
        return None
    rows = speaker_rows(shown)
    title = "UA and WA of each test speaker"
    words = (
        f"UA and WA of each test speaker under {len(rows)} variants, a point a speaker; speakers.csv has the numbers"
    )
    return Picture(
        to_svg(speaker_figure(rows, WIDE, title, wa_muted), words),
        to_svg(speaker_figure(rows, NARROW, title, wa_muted), words),
    )


def _scopes(lines: Sequence[ScopeLine]) -> Picture | None:
    if not lines:
        return None
    title = "UA over the scope, with 95% intervals over speakers"
    words = f"Pooled UA over the scope of {len(lines)} variants with 95% intervals; scope.csv has the numbers"
    return Picture(to_svg(scope_figure(lines, WIDE, title), words), to_svg(scope_figure(lines, NARROW, title), words))


def draw_importances(importances: Sequence[Importances]) -> tuple[Picture, ...]:
    """Draws the importance of settings, a picture for each group of trials."""
    return tuple(_importances(group) for group in importances)


def _importances(group: Importances) -> Picture:
    title = f"Importance of settings among {group.trials} trials"
    words = f"Importance of {len(group.shares)} settings among {group.among}; importances.csv has the numbers"
    return Picture(to_svg(importance_figure(group.shares, NARROW, title), words))


def draw_confusions(overview: Overview, meanwhile: Meanwhile) -> Iterable[Picture]:
    """Draws the confusion matrices of the variants that have panels of their own.

    Args:
        overview: What the results say.
        meanwhile: Draws them.

    Returns:
        The pictures, to be asked for as late as can be.
    """
    matrices = [
        (entry.variant.label, entry.scores.confusion, entry.evidence.corpus.emotions)
        for entry in shown_variants(overview)
    ]
    return meanwhile(_confusion, matrices)


def _confusion(matrix: tuple[str, NDArray[np.float64], tuple[str, ...]]) -> Picture:
    label, counts, emotions = matrix
    figure = confusion_figure(counts, emotions, label)
    return Picture(to_svg(figure, f"Confusion matrix of {label}; confusions.csv has the counts"))


def _curves(shown: Sequence[ScoredVariant]) -> tuple[Picture, ...]:
    """Learning curves, all with the same axis of UA."""
    folds = [[fold for seed in one.variant.scored_seeds for fold in one.variant.folds[seed]] for one in shown]
    losses = [learning_curve(one, "training_loss") for one in folds]
    uas = [learning_curve(one, "validation_ua") for one in folds]
    ends = common_percent(uas)
    pictures = []
    for entry, loss, ua in zip(shown, losses, uas, strict=True):
        label = entry.variant.label
        words = f"Learning curves of {label}; curves.csv has the numbers"
        pictures.append(Picture(to_svg(curves_figure(loss, ua, label, ends), words)))
    return tuple(pictures)
