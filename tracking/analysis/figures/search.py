"""Draws the search: UA over the scope, and how much each setting matters."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tracking.analysis.figures.data import POINTS, ScopeLine
from tracking.analysis.figures.palette import PAPER, shortened
from tracking.analysis.figures.style import WIDE_FROM, Margins, new_figure, text_width

_STYLES = ((PAPER.accent, "o", "-"), (PAPER.second, "s", "--"), (PAPER.muted, "^", ":"), (PAPER.ink, "D", "-."))
_ASIDE = 0.18
"""Frames by which lines stand beside each other, so that their intervals do not cover each other."""


def scope_figure(lines: Sequence[ScopeLine], width: float, title: str) -> Figure:
    """Draws UA over the scope with 95% intervals, one panel a label strategy.

    Args:
        lines: UA over scopes; lines of one strategy share a panel and are told apart by colour and mark.
        width: Width in inches; below 5 the panels stand below each other.
        title: Title.

    Returns:
        The figure.
    """
    targets = list(dict.fromkeys(line.target for line in lines))
    across = min(len(targets), 3 if width >= WIDE_FROM else 1)
    down = -(-len(targets) // across)
    margins = Margins(left=0.5, top=0.5, across=0.5, down=0.7)
    figure, panels = new_figure(width, 0.5 + 2.4 * down, title, margins, (down, across))
    for axes in panels[len(targets) :]:
        axes.set_visible(False)
    for axes, target in zip(panels, targets, strict=False):
        _scope_panel(axes, [line for line in lines if line.target == target], target)
    return figure


def _scope_panel(axes: Axes, lines: Sequence[ScopeLine], target: str) -> None:
    for place, line in enumerate(lines):
        colour, mark, style = _STYLES[place % len(_STYLES)]
        aside = _ASIDE * (place - (len(lines) - 1) / 2)
        scopes = [scope + aside for scope in line.scopes]
        axes.vlines(scopes, POINTS * line.low, POINTS * line.high, colors=colour, linewidth=1.1, alpha=0.55)
        name = shortened(line.name.removesuffix(f" · {target}"), 24)
        axes.plot(scopes, POINTS * line.ua, linestyle=style, marker=mark, color=colour, markersize=5, label=name)
    reference = next((line.baseline for line in lines if line.baseline is not None), None)
    if reference is not None:
        axes.axhline(POINTS * reference, color=PAPER.ink, linewidth=1, dashes=(1, 2), label="none")
    axes.set_title(shortened(f"labels {target}", 26), fontsize=8.5, color=PAPER.ink, loc="left", parse_math=False)
    axes.set_xticks(sorted({scope for line in lines for scope in line.scopes}))
    axes.set_xlabel("scope, frames")
    axes.set_ylabel("pooled UA, percent")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.grid(axis="y", color=PAPER.grid, linewidth=0.7)
    legend = axes.legend(fontsize=7.5, frameon=False, loc="best")
    for words in legend.get_texts():
        words.set(color=PAPER.ink, parse_math=False)


def importance_figure(shares: Mapping[str, float], width: float, title: str) -> Figure:
    """Draws importances as bars, the largest on top.

    Args:
        shares: Share of each setting, 0..1.
        width: Width in inches.
        title: Title.

    Returns:
        The figure.
    """
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    names = [shortened(name, 28) for name, _ in ordered]
    margins = Margins(left=text_width(names, 8) + 0.2)
    figure, (axes,) = new_figure(width, 0.9 + 0.26 * len(shares), title, margins)
    values = [POINTS * share for _, share in ordered]
    axes.barh(range(len(ordered)), values, height=0.62, color=PAPER.accent)
    axes.set_yticks(range(len(ordered)), names, parse_math=False, color=PAPER.ink)
    for place, value in enumerate(values):
        axes.annotate(
            f"{value:.0f}",
            (value, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=PAPER.ink,
            bbox={"facecolor": PAPER.paper, "edgecolor": "none", "pad": 0.6},
        )
    axes.set_ylim(len(ordered) - 0.5, -0.6)
    axes.set_xlim(0, max([*values, 1.0]) * 1.15)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=PAPER.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("share of what settings explain one at a time, percent")
    return figure
