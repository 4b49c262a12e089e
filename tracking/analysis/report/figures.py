"""Figures of the report as SVG, and the choice of variants where there are too many to show all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from tracking.analysis.comparison.caveats import ua_only
from tracking.analysis.comparison.comparison import Comparison, Verdict
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.figures.data import ScopeSeries, forest_rows, learning_curve, shared_percent_limits, speaker_rows
from tracking.analysis.figures.decisions import map_figure, reliability_figure
from tracking.analysis.figures.drawing.svg import to_inline_svg
from tracking.analysis.figures.forest import forest_figure, speaker_figure
from tracking.analysis.figures.overview import overview_figure
from tracking.analysis.figures.panels import confusion_difference_figure, confusion_figure, curves_figure
from tracking.analysis.figures.search import drawn_scopes, importance_figure, scope_figure
from tracking.analysis.report.first_screen import overview_rows
from tracking.analysis.report_context import ParameterImportances, UtteranceMap
from tracking.analysis.statistics.calibration import Calibration
from tracking.analysis.variants.choice import choose_variant
from tracking.analysis.variants.classical import Classifier
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
SHOWN_FIRST = "reportable ones first, then their baselines"
WIDE, NARROW = 7.6, 3.7


@dataclass(frozen=True)
class ReportFigures:
    """Figures of a report.

    Attributes:
        overview: UA with chance, and differences from the baseline, of the first screen's rows; None without a row.
        all_forest: Differences of every comparison; None where none was made.
        all_forest_note: Note where not all comparisons are drawn; else empty.
        speakers: UA of each speaker; None where there are no variants.
        confusions: Confusion matrices of the two rows that are shown in detail, and their difference.
        other_confusions: Confusion matrices of other rows.
        curves: Learning curves of the same two.
        other_curves: Learning curves of other variants.
        reliabilities: Reliability diagrams.
        utterances: Map of the utterances; None where it could not be computed.
        scopes: UA over the scope; None where no variant was run with two scopes.
        scopes_note: Note where not all of these variants are drawn; else empty.
        panels_note: Note where not all variants are drawn; else empty.
    """

    overview: ResponsiveFigure | None
    all_forest: ResponsiveFigure | None
    all_forest_note: str
    speakers: ResponsiveFigure | None
    confusions: tuple[ResponsiveFigure, ...]
    other_confusions: tuple[ResponsiveFigure, ...]
    curves: tuple[ResponsiveFigure, ...]
    other_curves: tuple[ResponsiveFigure, ...]
    reliabilities: tuple[ResponsiveFigure, ...]
    utterances: ResponsiveFigure | None
    scopes: ResponsiveFigure | None
    scopes_note: str
    panels_note: str


def render_figures(
    analysis: Analysis,
    scopes: Sequence[ScopeSeries],
    calibrations: Mapping[str, Calibration],
    utterance_map: UtteranceMap | None,
) -> ReportFigures:
    """Draw the figures of a report.

    Args:
        analysis: The analysed results.
        scopes: UA over scopes.
        calibrations: Reliability of confidences, by the label of the row.
        utterance_map: Map of the utterances, where it could be computed.

    Returns:
        The figures; where there are too many variants to show all, of the reportable ones first.
    """
    comparisons, variants = analysis.comparisons.comparisons, shown_variants(analysis)
    classical = analysis.baselines[:MAX_CLASSICAL_PANELS]
    ranked, pair = shown_comparisons(analysis), leading_pair(analysis)
    rows: tuple[Classifier, ...] = (*variants, *classical)
    curves, drawn = dict(zip(variants, _curves(variants), strict=True)), drawn_scopes(scopes)
    return ReportFigures(
        overview=_overview(analysis),
        all_forest=_forest(ranked),
        all_forest_note=_shown_note(len(ranked), len(comparisons), "comparisons are drawn; the table has all."),
        speakers=_speakers(rows, ua_only(analysis)),
        confusions=(*map(_confusion, pair), *_confusion_difference(pair)),
        other_confusions=tuple(_confusion(row) for row in rows if row not in pair),
        curves=tuple(figure for variant, figure in curves.items() if variant in pair),
        other_curves=tuple(figure for variant, figure in curves.items() if variant not in pair),
        reliabilities=tuple(_reliability(label, calibration) for label, calibration in calibrations.items()),
        utterances=None if utterance_map is None else _utterances(utterance_map),
        scopes=_scopes(drawn),
        scopes_note=_shown_note(len(drawn), len(scopes), "variants are drawn; the table has all."),
        panels_note=_shown_note(
            len(variants), len(analysis.variants), f"variants: {SHOWN_FIRST}; the CSV files have all."
        ),
    )


def _shown_note(shown: int, total: int, text: str) -> str:
    """Note on how many are shown; empty where all are."""
    return "" if shown == total else f"{shown} of {total} {text}"


def leading_pair(analysis: Analysis) -> tuple[Classifier, ...]:
    """Choose the two rows that are shown in detail, the one to be explained first.

    Returns:
        The variant that validation chose, or the choice per fold that is reported of its sweep, with its baseline;
        where it is a baseline itself, or a point of it is, the variant that has the highest validation UA of those
        compared with that, and that; else it and logistic regression, or it alone.
    """
    winner = choose_variant(analysis.variants)
    if winner is None:
        return ()
    reported = analysis.reported(winner)
    rows: dict[str, Classifier] = {row.label: row for row in analysis.classifiers}
    comparison = analysis.comparison_of(reported.label)
    if comparison is None:
        for baseline in dict.fromkeys((reported, winner)):
            if rivals := _rivals(analysis, baseline):
                return max(rivals, key=lambda rival: rival.validation_ua), baseline
        comparison = analysis.classical_comparison_of(reported)
    return (reported,) if comparison is None else (reported, rows[comparison.baseline])


def _rivals(analysis: Analysis, baseline: ScoredVariant) -> list[ScoredVariant]:
    """List the complete variants that are compared with a baseline."""
    return [
        variant
        for variant in analysis.complete
        if (comparison := analysis.comparison_of(variant.label)) is not None and comparison.baseline == baseline.label
    ]


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
    """Variants that have their own panels, in the order of the report: the leading pair and reportable ones first."""
    variants, pair = analysis.variants, leading_pair(analysis)
    reportable = {variant.label for variant in analysis.reportable}

    def rank(index: int) -> tuple[bool, bool, bool, bool, int]:
        variant = variants[index]
        return (
            variant not in pair,
            variant.label not in reportable,
            variant.configuration.attention != "none",
            variant.kind != SELECTED,
            index,
        )

    first = sorted(range(len(variants)), key=rank)[:MAX_PANELS]
    return tuple(variants[index] for index in sorted(first))


def _forest(comparisons: Sequence[Comparison]) -> ResponsiveFigure | None:
    if not comparisons:
        return None
    rows, title = forest_rows(comparisons), "UA against the baseline, every comparison"
    description = f"{title}: {len(rows)} differences with their intervals; tests.csv has the numbers"
    return render_responsive(lambda width: forest_figure(rows, width, title), description)


def _overview(analysis: Analysis) -> ResponsiveFigure | None:
    rows, chance = overview_rows(analysis), analysis.chance
    if not rows or chance is None:
        return None
    description = f"UA of {len(rows)} rows with 95% intervals and chance, and their differences from the baseline; "
    description += "summary.csv has the numbers"
    return render_responsive(lambda width: overview_figure(rows, chance, width), description)


def _speakers(variants: Sequence[Classifier], wa_greyed_out: bool) -> ResponsiveFigure | None:
    if not variants:
        return None
    rows = speaker_rows(variants)
    title = "UA and WA of each test speaker"
    description = f"{title} under {len(rows)} variants, one point per speaker; speakers.csv has the numbers"
    return render_responsive(lambda width: speaker_figure(rows, width, title, wa_greyed_out), description)


def _scopes(series: Sequence[ScopeSeries]) -> ResponsiveFigure | None:
    if not series:
        return None
    title = "UA over the scope, with 95% intervals over speakers"
    description = f"Pooled UA over the scope of {len(series)} variants with 95% intervals; scope.csv has the numbers"
    return render_responsive(lambda width: scope_figure(series, width, title), description)


def _confusion(variant: Classifier) -> ResponsiveFigure:
    label, emotions = variant.label, variant.predictions.corpus.emotions
    figure = confusion_figure(variant.scores.confusion, emotions, label)
    return ResponsiveFigure(to_inline_svg(figure, f"Confusion matrix of {label}; confusions.csv has the counts"))


def _confusion_difference(pair: Sequence[Classifier]) -> tuple[ResponsiveFigure, ...]:
    """Draw the difference of two confusion matrices, where there are two of the same classes."""
    if len(pair) < 2 or pair[0].predictions.corpus.emotions != pair[1].predictions.corpus.emotions:
        return ()
    first, second = pair
    confusions = first.scores.confusion, second.scores.confusion
    figure = confusion_difference_figure(*confusions, first.predictions.corpus.emotions, "first less second, points")
    description = f"Confusion matrix of {first.label} less that of {second.label}, in points of a row"
    return (ResponsiveFigure(to_inline_svg(figure, description)),)


def _reliability(label: str, calibration: Calibration) -> ResponsiveFigure:
    description = f"Reliability of the confidences of {label}; reliability.csv has the numbers"
    return ResponsiveFigure(to_inline_svg(reliability_figure(calibration, label), description))


def _utterances(utterance_map: UtteranceMap) -> ResponsiveFigure:
    count = len(utterance_map.utterances)
    description = f"Map of {count} utterances by emotion and by speaker; map.csv has the coordinates"
    columns = utterance_map.points, utterance_map.emotions, utterance_map.speakers, utterance_map.explained
    return render_responsive(lambda width: map_figure(*columns, width), description)


def _curves(variants: Sequence[ScoredVariant]) -> tuple[ResponsiveFigure, ...]:
    """Draw learning curves, all with the same axis of UA."""
    folds = [variant.scored_folds for variant in variants]
    losses = [
        (learning_curve(variant_folds, "training_loss"), learning_curve(variant_folds, "validation_loss"))
        for variant_folds in folds
    ]
    uas = [learning_curve(variant_folds, "validation_ua") for variant_folds in folds]
    limits = shared_percent_limits(uas)
    labels = [variant.label for variant in variants]
    return tuple(
        ResponsiveFigure(
            to_inline_svg(
                curves_figure(pair, ua, label, limits), f"Learning curves of {label}; curves.csv has the numbers"
            )
        )
        for label, pair, ua in zip(labels, losses, uas, strict=True)
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


def render_responsive(draw: Callable[[float], Figure], description: str) -> ResponsiveFigure:
    """Draw a figure in both widths, as SVG text with all names escaped."""
    wide, narrow = (to_inline_svg(draw(width), description) for width in (WIDE, NARROW))
    return ResponsiveFigure(wide, narrow)
