"""Figures of the report as SVG, and the choice of variants where there are too many to show all."""

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
from tracking.analysis.variants.classical import ScoredClassifier
from tracking.analysis.variants.naming import SELECTED
from tracking.analysis.variants.scores import ScoredVariant


@dataclass(frozen=True)
class ResponsiveFigure:
    """Figure in one or two widths, of which the page shows the one that fits.

    Attributes:
        wide: SVG for a screen or paper.
        narrow: SVG for a phone; empty where the wide one fits a phone.
    """

    wide: str
    narrow: str = ""


MAX_ROWS = 40
MAX_PANELS = 12
MAX_CLASSICAL_PANELS = 4
MAX_SCOPE_SERIES = 16
SHOWN_FIRST = "reportable ones first, then their baselines"
WIDE, NARROW = 7.6, 3.7


@dataclass(frozen=True)
class ReportFigures:
    """Figures of a report.

    Attributes:
        forest: Differences with intervals of the reportable variants; None where none was compared.
        all_forest: The same for every comparison; None where there are no others.
        all_forest_note: Note where not all comparisons are drawn; else empty.
        speakers: UA of each speaker; None where there are no variants.
        confusions: Confusion matrices.
        curves: Learning curves.
        scopes: UA over the scope; None where no variant was run with two scopes.
        panels_note: Note where not all variants are drawn; else empty.
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
        The figures; where there are too many variants to show all, of the reportable ones first.
    """
    comparisons, variants = analysis.comparisons.comparisons, shown_variants(analysis)
    rows: list[ScoredClassifier] = [*variants, *analysis.baselines[:MAX_CLASSICAL_PANELS]]
    first, ranked = first_comparisons(analysis), shown_comparisons(analysis)
    return ReportFigures(
        forest=_forest(first, "UA against the baseline, with 95% intervals"),
        all_forest=_forest(ranked, "UA against the baseline, every comparison") if len(ranked) > len(first) else None,
        all_forest_note=_shown_note(len(ranked), len(comparisons), "comparisons are drawn; the table has all."),
        speakers=_speakers(rows, ua_only(analysis)),
        confusions=tuple(map(_confusion, rows)),
        curves=_curves(variants),
        scopes=_scopes(scopes[:MAX_SCOPE_SERIES]),
        panels_note=_shown_note(
            len(variants), len(analysis.variants), f"variants: {SHOWN_FIRST}; the CSV files have all."
        ),
    )


def _shown_note(shown: int, total: int, text: str) -> str:
    """Note on how many are shown; empty where all are."""
    return "" if shown == total else f"{shown} of {total} {text}"


def first_comparisons(analysis: Analysis) -> tuple[Comparison, ...]:
    """Comparisons of the first screen: of variants that no test score chose, and of classical baselines."""
    labels = {variant.label for variant in analysis.reportable} | {baseline.label for baseline in analysis.baselines}
    comparisons = analysis.comparisons.comparisons
    return tuple(comparison for comparison in comparisons if comparison.variant in labels)[:MAX_ROWS]


def shown_comparisons(analysis: Analysis) -> tuple[Comparison, ...]:
    """Comparisons of the larger forest plot, in the order of the table."""
    comparisons = analysis.comparisons.comparisons
    selected = {variant.label for variant in analysis.variants if variant.kind == SELECTED}

    def rank(index: int) -> tuple[bool, bool, int]:
        comparison = comparisons[index]
        return comparison.verdict is not Verdict.BETTER, comparison.variant not in selected, index

    first = sorted(range(len(comparisons)), key=rank)[:MAX_ROWS]
    return tuple(comparisons[index] for index in sorted(first))


def shown_variants(analysis: Analysis) -> tuple[ScoredVariant, ...]:
    """Variants that have their own panels, in the order of the report: reportable ones first."""
    variants = analysis.variants
    best = max(analysis.reportable, key=lambda variant: variant.scores.ua.mean, default=None)
    comparison = None if best is None else analysis.comparison_of(best.label)
    baseline = None if comparison is None else comparison.baseline
    reportable = {variant.label for variant in analysis.reportable}

    def rank(index: int) -> tuple[bool, bool, bool, bool, bool, int]:
        variant = variants[index]
        return (
            variant is not best,
            variant.label != baseline,
            variant.label not in reportable,
            variant.configuration.attention != "none",
            variant.kind != SELECTED,
            index,
        )

    first = sorted(range(len(variants)), key=rank)[:MAX_PANELS]
    return tuple(variants[index] for index in sorted(first))


def _forest(comparisons: Sequence[Comparison], title: str) -> ResponsiveFigure | None:
    if not comparisons:
        return None
    rows = forest_rows(comparisons)
    description = f"{title}: {len(rows)} differences with their intervals; tests.csv has the numbers"
    return _render(lambda width: forest_figure(rows, width, title), description)


def _speakers(variants: Sequence[ScoredClassifier], wa_greyed_out: bool) -> ResponsiveFigure | None:
    if not variants:
        return None
    rows = speaker_rows(variants)
    title = "UA and WA of each test speaker"
    description = f"{title} under {len(rows)} variants, one point per speaker; speakers.csv has the numbers"
    return _render(lambda width: speaker_figure(rows, width, title, wa_greyed_out), description)


def _scopes(series: Sequence[ScopeSeries]) -> ResponsiveFigure | None:
    if not series:
        return None
    title = "UA over the scope, with 95% intervals over speakers"
    description = f"Pooled UA over the scope of {len(series)} variants with 95% intervals; scope.csv has the numbers"
    return _render(lambda width: scope_figure(series, width, title), description)


def _confusion(variant: ScoredClassifier) -> ResponsiveFigure:
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
