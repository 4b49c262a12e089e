"""Figure of the ratios: one bar per measurement, with its target."""

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.measurement import Measurement


def draw(measurements: list[Measurement], path: Path) -> None:
    """Draw every ratio on a logarithmic axis, with a mark at its target.

    Args:
        measurements: All measurements; only ratios are drawn.
        path: An SVG file.
    """
    ratios = [measurement for measurement in measurements if measurement.unit == "times"][::-1]
    figure = Figure(figsize=(9, 1.2 + 0.32 * len(ratios)), layout="constrained")
    axes = figure.add_subplot()
    names = [f"{ratio.section}: {ratio.case}" for ratio in ratios]
    axes.barh(names, [ratio.value for ratio in ratios], color="#4477aa", height=0.6)
    for y, ratio in enumerate(ratios):
        axes.text(ratio.value * 1.03, y, f"{ratio.value:.1f}", va="center", fontsize=8)
        if ratio.target is not None:
            axes.plot([ratio.target, ratio.target], [y - 0.4, y + 0.4], color="#cc3311", linewidth=2)
    axes.axvline(1.0, color="#555555", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("times as fast (red: the target)")
    axes.tick_params(axis="y", labelsize=8)
    axes.set_title("Ratios measured in one run", loc="left")
    figure.savefig(path)
