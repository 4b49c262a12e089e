"""What all pictures share: size, title, colours, how names and numbers are written.

Only matplotlib's figure objects are used, never pyplot, so that there is no shared state. Names are
never parsed as mathematics.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from tracking.analysis.figures.palette import PALETTE, truncate

LABEL_PT = 8.0
"""Size of most words, in points."""

MIN_WIDE_INCHES = 5.0
"""Width in inches from which a picture has room for names beside its rows, or for panels side by side."""


@dataclass(frozen=True)
class Margins:
    """Room around and between the axes of a figure, in inches."""

    left: float
    right: float = 0.1
    top: float = 0.3
    bottom: float = 0.45
    wspace: float = 0.0
    hspace: float = 0.0


def make_figure(
    width: float, height: float, title: str, margins: Margins, shape: tuple[int, int] = (1, 1)
) -> tuple[Figure, list[Axes]]:
    """A transparent figure with its title and styled axes.

    Margins are given, not found: a layout engine would draw everything twice and measure every word.

    Args:
        width: Width in inches.
        height: Height in inches.
        title: Title, drawn as it is; shortened where it is longer than the figure is wide.
        margins: Room around and between the axes.
        shape: Rows and columns of axes.

    Returns:
        The figure and its axes, row by row.
    """
    figure = Figure(figsize=(width, height))
    figure.patch.set_alpha(0)
    heading = truncate(title, int(15 * width))
    figure.suptitle(
        heading, x=0.08 / width, y=1 - 0.06 / height, ha="left", fontsize=9, color=PALETTE.ink, parse_math=False
    )
    down, across = shape
    made = [axes for row in figure.subplots(down, across, squeeze=False) for axes in row]
    panel_width = (width - margins.left - margins.right - (across - 1) * margins.wspace) / across
    panel_height = (height - margins.top - margins.bottom - (down - 1) * margins.hspace) / down
    figure.subplots_adjust(
        left=margins.left / width,
        right=1 - margins.right / width,
        top=1 - margins.top / height,
        bottom=margins.bottom / height,
        wspace=margins.wspace / panel_width,
        hspace=margins.hspace / panel_height,
    )
    for axes in made:
        _style(axes)
    return figure, made


def text_width(words: Sequence[str], size: float) -> float:
    """Width of the longest of some texts, in inches, as matplotlib's own font writes it.

    Args:
        words: The texts; 0 where there is none.
        size: Size of the letters, in points.
    """
    # The widest is among the few with most letters; each costs a millisecond to measure.
    longest = sorted(words, key=len)[-3:]
    font = FontProperties(size=size)
    return (
        max((text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] for text in longest), default=0)
        / 72
    )


def _style(axes: Axes) -> None:
    axes.patch.set_alpha(0)
    axes.tick_params(colors=PALETTE.muted, labelsize=8, length=0)
    axes.xaxis.label.set(color=PALETTE.muted, fontsize=8)
    axes.yaxis.label.set(color=PALETTE.muted, fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(PALETTE.grid)


def annotate(axes: Axes, where: tuple[float, float], away: tuple[float, float], words: str, **options: Any) -> None:
    """Writes words beside a place; ticks would do as much with five objects each.

    Args:
        axes: The axes.
        where: The place, in the coordinates of the data unless `xycoords` says otherwise.
        away: How far from it, in points.
        words: The words, never parsed as mathematics.
        **options: Options of the text.
    """
    options = {"fontsize": LABEL_PT, "color": PALETTE.ink, **options}
    axes.annotate(words, where, xytext=away, textcoords="offset points", parse_math=False, **options)


def format_signed(difference: float) -> str:
    """A difference with its sign, such as '−0.4'."""
    text = f"{difference:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")
