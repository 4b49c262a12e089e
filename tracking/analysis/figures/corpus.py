"""Figure of a corpus: its class balance, and the durations of each class.

All numbers are those of the summary; nothing is computed here. Classes differ by row, not by colour.
"""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ser.errors import CorpusError
from tracking.analysis.corpus_summary import CorpusSummary, DurationRow
from tracking.analysis.figures.drawing.palette import PALETTE
from tracking.analysis.figures.drawing.svg import save_figure


def save_corpus_figure(summary: CorpusSummary, path: Path) -> None:
    """Draw a corpus into a file.

    Args:
        summary: Summary of the corpus.
        path: The file, .png or .svg; an existing one is replaced.

    Raises:
        CorpusError: The file cannot be written.
    """
    try:
        save_figure(corpus_figure(summary), path, figure_title(summary))
    except OSError as error:
        raise CorpusError(f"{path}: the figure cannot be written: {error.strerror}") from error


def figure_title(summary: CorpusSummary) -> str:
    """Title that gives the name, number of utterances and speakers, and duration of a corpus."""
    corpus = summary.corpus
    source = " (synthetic speech)" if corpus.synthetic else ""
    size = f"{len(corpus.utterances)} utterances of {len(corpus.speakers)} speakers"
    minutes = sum(corpus.durations_s) / 60
    duration = f"{minutes / 60:.1f} hours" if minutes >= 60 else f"{minutes:.1f} minutes"
    return f"{corpus.name}{source}: {size}, {duration}"


def corpus_figure(summary: CorpusSummary) -> Figure:
    """Draw a bar of utterances and a box of durations for each class.

    Returns:
        A figure 8 inches wide; a class without utterances has an empty row.
    """
    emotions = summary.corpus.emotions
    rows = {row.name: row for row in summary.durations}
    figure = Figure(figsize=(8, 1.3 + 0.4 * len(emotions)), layout="constrained")
    figure.suptitle(figure_title(summary), x=0.01, ha="left", fontsize=10, color=PALETTE.ink, parse_math=False)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes in (left, right):
        _style(axes)
    left.set_yticks(range(len(emotions)), emotions, parse_math=False, color=PALETTE.ink)
    left.set_ylim(len(emotions) - 0.4, -0.6)
    _draw_balance(left, [rows[emotion].utterances if emotion in rows else 0 for emotion in emotions])
    _draw_durations(right, [(index, rows[emotion]) for index, emotion in enumerate(emotions) if emotion in rows])
    return figure


def _draw_balance(axes: Axes, utterances: list[int]) -> None:
    bars = axes.barh(range(len(utterances)), utterances, height=0.6, color=PALETTE.accent)
    labels = [f"{number} ({100 * number / sum(utterances):.0f}%)" for number in utterances]
    axes.bar_label(bars, labels, padding=3, fontsize=8, color=PALETTE.ink)
    # Room for the numbers after the bars.
    axes.set_xlim(0, 1.3 * max(utterances))
    axes.set_xlabel("utterances (share of all)")


def _draw_durations(axes: Axes, rows: list[tuple[int, DurationRow]]) -> None:
    boxes = [
        {
            "whislo": row.shortest_s,
            "q1": row.lower_quartile_s,
            "med": row.median_s,
            "q3": row.upper_quartile_s,
            "whishi": row.longest_s,
        }
        for _, row in rows
    ]
    line = {"color": PALETTE.muted, "linewidth": 1.2}
    axes.bxp(
        boxes,
        positions=[index for index, _ in rows],
        orientation="horizontal",
        widths=0.5,
        manage_ticks=False,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": PALETTE.grid, "edgecolor": PALETTE.muted},
        medianprops={"color": PALETTE.second, "linewidth": 2.4},
        whiskerprops=line,
        capprops=line,
    )
    axes.set_xlim(left=0)
    axes.set_xlabel("duration, seconds: shortest, quartiles, median (bold), longest")


def _style(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.grid(axis="x", color=PALETTE.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=PALETTE.muted, labelsize=8, length=0)
    axes.xaxis.label.set(color=PALETTE.muted, fontsize=8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(PALETTE.grid)
