"""The report's pictures as SVG, and which variants they show when there are too many to show all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from tracking.analysis.comparison.caveats import ua_only
from tracking.analysis.comparison.comparison import Comparison, Verdict
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.figures.data import ScopeSeries, forest_rows, learning_curve, shared_percent_limits, speaker_rows
from tracking.analysis.figures.forest import forest_figure, speaker_figure
from tracking.analysis.figures.panels import confusion_figure, curves_figure
from tracking.analysis.figures.search import importance_figure, scope_figure
from tracking.analysis.figures.svg import to_inline_svg
from tracking.analysis.report_context import ParameterImportances
from tracking.analysis.variants.naming import SELECTED
from tracking.analysis.variants.scores import ScoredVariant


@dataclass(frozen=True)
class ResponsiveFigure:
    """A picture in one or two widths; the page shows the one that fits.

    Attributes:
        wide: SVG for a screen or paper.
        narrow: SVG for a phone; empty where the wide one is narrow already.
    """

    wide: str
    narrow: str = ""


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


def render_figures(analysis: Analysis, scopes: Sequence[ScopeSeries]) -> ReportFigures:
    """Draw the figures of a report.

    Args:
        analysis: The analysed results.
        scopes: UA over scopes.

    Returns:
        The figures; where there are too many variants to show all, of those that may be named first.
    """
    comparisons, variants = analysis.comparisons.comparisons, shown_variants(analysis)
    first, ranked = first_comparisons(analysis), shown_comparisons(analysis)
    return ReportFigures(
        forest=_forest(first, "UA against the baseline, with 95% intervals"),
        all_forest=_forest(ranked, "UA against the baseline, every comparison") if len(ranked) > len(first) else None,
        all_forest_note=_shown_note(len(ranked), len(comparisons), "comparisons are drawn; the table has all."),
        speakers=_speakers(variants, ua_only(analysis)),
        confusions=tuple(map(_confusion, variants)),
        curves=_curves(variants),
        scopes=_scopes(scopes[:MOST_LINES]),
        panels_note=_shown_note(
            len(variants), len(analysis.variants), f"variants: {SHOWN_FIRST}; the CSV files have all."
        ),
    )


def _shown_note(shown: int, total: int, text: str) -> str:
    """A note that not all are shown; empty where all are."""
    return "" if shown == total else f"{shown} of {total} {text}"


def first_comparisons(overview: Analysis) -> tuple[Comparison, ...]:
    """The comparisons of the first screen: of variants that may be named without choosing on test data."""
    reportable = {entry.label for entry in overview.reportable}
    return tuple(made for made in overview.comparisons.comparisons if made.variant in reportable)[:MOST_ROWS]


def shown_comparisons(overview: Analysis) -> tuple[Comparison, ...]:
    """The comparisons that the larger forest plot shows, in the order of the table."""
    made = overview.comparisons.comparisons
    selected = {entry.label for entry in overview.variants if entry.kind == SELECTED}
    ranked = sorted(
        range(len(made)), key=lambda i: (made[i].verdict is not Verdict.BETTER, made[i].variant not in selected, i)
    )
    return tuple(made[place] for place in sorted(ranked[:MOST_ROWS]))


def shown_variants(overview: Analysis) -> tuple[ScoredVariant, ...]:
    """The variants that have panels of their own, in the order of the report: first those that may be named."""
    scored = overview.variants
    best = max(overview.reportable, key=lambda entry: entry.scores.ua.mean, default=None)
    comparison = None if best is None else overview.comparison_of(best.label)
    against = None if comparison is None else comparison.baseline

    named = {entry.label for entry in overview.reportable}

    def rank(place: int) -> tuple[bool, bool, bool, bool, bool, int]:
        entry = scored[place]
        return (
            entry is not best,
            entry.label != against,
            entry.label not in named,
            entry.configuration.attention != "none",
            entry.kind != SELECTED,
            place,
        )

    chosen = sorted(range(len(scored)), key=rank)[:MOST_PANELS]
    return tuple(scored[place] for place in sorted(chosen))


def _forest(comparisons: Sequence[Comparison], title: str) -> ResponsiveFigure | None:
    if not comparisons:
        return None
    rows = forest_rows(comparisons)
    description = f"{title}: {len(rows)} differences with their intervals; tests.csv has the numbers"
    return _render(lambda width: forest_figure(rows, width, title), description)


def _speakers(variants: Sequence[ScoredVariant], wa_muted: bool) -> ResponsiveFigure | None:
    if not variants:
        return None
    rows = speaker_rows(variants)
    title = "UA and WA of each test speaker"
    description = f"{title} under {len(rows)} variants, one point per speaker; speakers.csv has the numbers"
    return _render(lambda width: speaker_figure(rows, width, title, wa_muted), description)


def _scopes(series: Sequence[ScopeSeries]) -> ResponsiveFigure | None:
    if not series:
        return None
    title = "UA over the scope, with 95% intervals over speakers"
    description = f"Pooled UA over the scope of {len(series)} variants with 95% intervals; scope.csv has the numbers"
    return _render(lambda width: scope_figure(series, width, title), description)


def _confusion(variant: ScoredVariant) -> ResponsiveFigure:
    label, emotions = variant.label, variant.predictions.corpus.emotions
    figure = confusion_figure(variant.scores.confusion, emotions, label)
    return ResponsiveFigure(to_inline_svg(figure, f"Confusion matrix of {label}; confusions.csv has the counts"))


def _curves(variants: Sequence[ScoredVariant]) -> tuple[ResponsiveFigure, ...]:
    """Draw learning curves, all with the same axis of UA."""
    folds = [[fold for seed in variant.scored_seeds for fold in variant.folds[seed]] for variant in variants]
    losses = [learning_curve(variant_folds, "training_loss") for variant_folds in folds]
    uas = [learning_curve(variant_folds, "validation_ua") for variant_folds in folds]
    limits = shared_percent_limits(uas)
    labels = [variant.label for variant in variants]
    return tuple(
        ResponsiveFigure(
            to_inline_svg(
                curves_figure(loss, ua, label, limits), f"Learning curves of {label}; curves.csv has the numbers"
            )
        )
        for label, loss, ua in zip(labels, losses, uas, strict=True)
    )


def render_importances(importances: Sequence[ParameterImportances]) -> tuple[ResponsiveFigure, ...]:
    """Draw the importance of settings, one figure per group of trials."""
    return tuple(
        ResponsiveFigure(
            to_inline_svg(
                importance_figure(group.shares, NARROW, f"Importance of settings among {group.trials} trials"),
                f"Importance of {len(group.shares)} settings among {group.group}; importances.csv has the numbers",
            )
        )
        for group in importances
    )


def _render(draw: Callable[[float], Figure], description: str) -> ResponsiveFigure:
    """Draw a figure in both widths, as SVG text with all names escaped."""
    wide, narrow = (to_inline_svg(draw(width), description) for width in (WIDE, NARROW))
    return ResponsiveFigure(wide, narrow)
