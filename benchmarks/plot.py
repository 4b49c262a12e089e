"""The rows as a picture: ratios as bars, each with its aim."""

from pathlib import Path

from benchmarks.measurement import Measurement


def draw(rows: list[Measurement], path: Path) -> None:
    """Draws every ratio on a logarithmic axis, with a mark where its aim is.

    Args:
        rows: All rows; those that are not ratios are left to the table.
        path: An SVG file.
    """
    from matplotlib.figure import Figure

    ratios = [row for row in rows if row.unit == "times"][::-1]
    figure = Figure(figsize=(9, 1.2 + 0.32 * len(ratios)), layout="constrained")
    axes = figure.add_subplot()
    names = [f"{row.section}: {row.case}" for row in ratios]
    axes.barh(names, [row.value for row in ratios], color="#4477aa", height=0.6)
    for place, row in enumerate(ratios):
        axes.text(row.value * 1.03, place, f"{row.value:.1f}", va="center", fontsize=8)
        if row.target is not None:
            axes.plot([row.target, row.target], [place - 0.4, place + 0.4], color="#cc3311", linewidth=2)
    axes.axvline(1.0, color="#555555", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("times as fast (red: the aim)")
    axes.tick_params(axis="y", labelsize=8)
    axes.set_title("Ratios measured in one run", loc="left")
    figure.savefig(path)
