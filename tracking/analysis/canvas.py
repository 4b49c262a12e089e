"""What all pictures share: size, title, colours, how names and numbers are written.

Only matplotlib's figure objects are used, never pyplot, so that there is no shared state. Names are
never parsed as mathematics.
"""

from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tracking.analysis.rendering import PAPER

WIDE_FROM = 5.0
"""Width in inches from which a picture has room for names beside its rows, or for panels side by side."""


def new_figure(
    width: float,
    height: float,
    title: str,
    shape: tuple[int, int] = (1, 1),
    layout: Literal["constrained"] | None = "constrained",
) -> tuple[Figure, list[Axes]]:
    """A transparent figure with its title and styled axes.

    Args:
        width: Width in inches.
        height: Height in inches.
        title: Title, drawn as it is; shortened where it is longer than the figure is wide.
        shape: Rows and columns of axes.
        layout: Layout engine; None where the margins are set by hand.

    Returns:
        The figure and its axes, row by row.
    """
    figure = Figure(figsize=(width, height), layout=layout)
    figure.patch.set_alpha(0)
    heading = shortened(title, int(15 * width))
    figure.suptitle(heading, x=0.01, ha="left", fontsize=9, color=PAPER.ink, parse_math=False)
    made = [axes for row in figure.subplots(*shape, squeeze=False) for axes in row]
    for axes in made:
        _style(axes)
    return figure, made


def _style(axes: Axes) -> None:
    axes.patch.set_alpha(0)
    axes.tick_params(colors=PAPER.muted, labelsize=8, length=0)
    axes.xaxis.label.set(color=PAPER.muted, fontsize=8)
    axes.yaxis.label.set(color=PAPER.muted, fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(PAPER.grid)


def signed(difference: float) -> str:
    """A difference with its sign, such as '−0.4'."""
    text = f"{difference:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def shortened(name: str, longest: int) -> str:
    """A name cut to a number of characters, the last of them an ellipsis."""
    return name if len(name) <= longest else name[: longest - 1] + "…"
