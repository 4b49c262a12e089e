"""The report's pictures as SVG, and which variants they show when there are too many to show all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from matplotlib.figure import Figure

from tracking.analysis.comparison.caveats import ua_only
from tracking.analysis.comparison.comparison import BETTER, Comparison
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.figures.data import ScopeSeries, forest_rows, learning_curve, shared_percent_limits, speaker_rows
from tracking.analysis.figures.forest import forest_figure, speaker_figure
from tracking.analysis.figures.panels import confusion_figure, curves_figure
from tracking.analysis.figures.search import importance_figure, scope_figure
from tracking.analysis.figures.svg import to_inline_svg
from tracking.analysis.report_context import ParameterImportances
from tracking.analysis.variants.naming import SELECTED
from tracking.analysis.variants.scores import ScoredVariant
from tracking.meanwhile import Meanwhile


@dataclass(frozen=True)
class ResponsiveFigure:
    """A picture in one or two widths; the page shows the one that fits.

    Attributes:
        wide: SVG for a screen or paper.
        narrow: SVG for a phone; empty where the wide one is narrow already.
    """

    wide: str
    narrow: str = ""


@dataclass(frozen=True)
class Drawing:
    """A picture that is not drawn yet.

    Attributes:
        words: What it shows, for those who cannot see it.
        wide: Makes the figure for a screen or paper.
        narrow: Makes the figure for a phone; None where the wide one is narrow already.
    """

    words: str
    wide: partial[Figure]
    narrow: partial[Figure] | None = None


MOST_ROWS = 40
MOST_PANELS = 12
MOST_LINES = 16
SHOWN_FIRST = "first those that may be named, then the baselines"
WIDE, NARROW = 7.6, 3.7


@dataclass(frozen=True)
class ReportFigures:
    """All pictures of a report.

    Attributes:
        forest: Differences with intervals of the variants that may be named; None where none was compared.
        all_forest: The same of every comparison; None where that is no more.
        all_forest_note: Which comparisons are drawn, where not all are; else empty.
        speakers: UA of each speaker; None where there are no variants.
        confusions: Confusion matrices.
        curves: Learning curves.
        scopes: UA over the scope; None where no variant was run with two scopes.
        panels_note: Which variants are drawn, where not all are; else empty.
    """

    forest: ResponsiveFigure | None
    all_forest: ResponsiveFigure | None
    all_forest_note: str
    speakers: ResponsiveFigure | None
    confusions: tuple[ResponsiveFigure, ...]
    curves: tuple[ResponsiveFigure, ...]
    scopes: ResponsiveFigure | None
    panels_note: str


def render_figures(
    overview: Analysis, lines: Sequence[ScopeSeries], meanwhile: Meanwhile = map
) -> Callable[[], ReportFigures]:
    """Begins to draw the pictures of a report.

    Args:
        overview: What the results say.
        lines: UA over scopes.
        meanwhile: Draws them.

    Returns:
        What gives the pictures; to be called once, and as late as can be.
    """
    made, shown = overview.comparisons.comparisons, shown_variants(overview)
    first, every = first_comparisons(overview), shown_comparisons(overview)
    drawings = {
        "forest": _forest(first, "UA against the baseline, with 95% intervals"),
        "all_forest": _forest(every if len(every) > len(first) else (), "UA against the baseline, every comparison"),
        "speakers": _speakers(shown, ua_only(overview)),
        "scopes": _scopes(lines[:MOST_LINES]),
        "curves": _curves(shown),
        "confusions": [_confusion(entry) for entry in shown],
    }
    drawn = meanwhile(render, [drawing for those in drawings.values() for drawing in those])

    def pictures() -> ReportFigures:
        rest = iter(drawn)
        by_name = {name: tuple(islice(rest, len(those))) for name, those in drawings.items()}
        return ReportFigures(
            forest=_first(by_name["forest"]),
            all_forest=_first(by_name["all_forest"]),
            all_forest_note=_shown_note(len(every), len(made), "comparisons are drawn; the table has all."),
            speakers=_first(by_name["speakers"]),
            confusions=by_name["confusions"],
            curves=by_name["curves"],
            scopes=_first(by_name["scopes"]),
            panels_note=_shown_note(
                len(shown),
                len(overview.scored),
                f"variants: {SHOWN_FIRST}; the CSV files have all.",
            ),
        )

    return pictures


def _first(drawn: Sequence[ResponsiveFigure]) -> ResponsiveFigure | None:
    return drawn[0] if drawn else None


def _shown_note(shown: int, of: int, words: str) -> str:
    """How many of something are drawn; empty where all are."""
    return "" if shown == of else f"{shown} of {of} {words}"


def first_comparisons(overview: Analysis) -> tuple[Comparison, ...]:
    """The comparisons of the first screen: of variants that may be named without choosing on test data."""
    reportable = {entry.variant.label for entry in overview.reportable}
    return tuple(made for made in overview.comparisons.comparisons if made.variant in reportable)[:MOST_ROWS]


def shown_comparisons(overview: Analysis) -> tuple[Comparison, ...]:
    """The comparisons that the larger forest plot shows, in the order of the table."""
    made = overview.comparisons.comparisons
    selected = {entry.variant.label for entry in overview.scored if entry.variant.kind == SELECTED}
    ranked = sorted(range(len(made)), key=lambda i: (made[i].verdict != BETTER, made[i].variant not in selected, i))
    return tuple(made[place] for place in sorted(ranked[:MOST_ROWS]))


def shown_variants(overview: Analysis) -> tuple[ScoredVariant, ...]:
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


def _forest(comparisons: Sequence[Comparison], title: str) -> list[Drawing]:
    if not comparisons:
        return []
    rows = forest_rows(comparisons)
    words = f"{title}: {len(rows)} differences with their intervals; tests.csv has the numbers"
    wide, narrow = (partial(forest_figure, rows, width, title) for width in (WIDE, NARROW))
    return [Drawing(words, wide, narrow)]


def _speakers(shown: Sequence[ScoredVariant], wa_muted: bool) -> list[Drawing]:
    if not shown:
        return []
    rows = speaker_rows(shown)
    title = "UA and WA of each test speaker"
    words = (
        f"UA and WA of each test speaker under {len(rows)} variants, a point a speaker; speakers.csv has the numbers"
    )
    wide, narrow = (partial(speaker_figure, rows, width, title, wa_muted) for width in (WIDE, NARROW))
    return [Drawing(words, wide, narrow)]


def _scopes(lines: Sequence[ScopeSeries]) -> list[Drawing]:
    if not lines:
        return []
    title = "UA over the scope, with 95% intervals over speakers"
    words = f"Pooled UA over the scope of {len(lines)} variants with 95% intervals; scope.csv has the numbers"
    wide, narrow = (partial(scope_figure, lines, width, title) for width in (WIDE, NARROW))
    return [Drawing(words, wide, narrow)]


def _confusion(entry: ScoredVariant) -> Drawing:
    label, emotions = entry.variant.label, entry.evidence.corpus.emotions
    words = f"Confusion matrix of {label}; confusions.csv has the counts"
    return Drawing(words, partial(confusion_figure, entry.scores.confusion, emotions, label))


def _curves(shown: Sequence[ScoredVariant]) -> list[Drawing]:
    """Learning curves, all with the same axis of UA."""
    folds = [[fold for seed in one.variant.scored_seeds for fold in one.variant.folds[seed]] for one in shown]
    losses = [learning_curve(one, "training_loss") for one in folds]
    uas = [learning_curve(one, "validation_ua") for one in folds]
    ends = shared_percent_limits(uas)
    labels = [entry.variant.label for entry in shown]
    return [
        Drawing(
            f"Learning curves of {label}; curves.csv has the numbers", partial(curves_figure, loss, ua, label, ends)
        )
        for label, loss, ua in zip(labels, losses, uas, strict=True)
    ]


def draw_importances(importances: Sequence[ParameterImportances]) -> tuple[ResponsiveFigure, ...]:
    """Draws the importance of settings, a picture for each group of trials."""
    return tuple(render(_importances(group)) for group in importances)


def _importances(group: ParameterImportances) -> Drawing:
    title = f"Importance of settings among {group.trials} trials"
    words = f"Importance of {len(group.shares)} settings among {group.group}; importances.csv has the numbers"
    return Drawing(words, partial(importance_figure, group.shares, NARROW, title))


def render(drawing: Drawing) -> ResponsiveFigure:
    """Draws a picture as SVG text with all names escaped."""
    narrow = "" if drawing.narrow is None else to_inline_svg(drawing.narrow(), drawing.words)
    return ResponsiveFigure(to_inline_svg(drawing.wide(), drawing.words), narrow)
