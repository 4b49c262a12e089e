"""Predictions as TextGrids, the annotations of Praat."""

from collections.abc import Callable, Sequence
from itertools import chain

from studies.predictions.rows import PredictionRow

_Interval = tuple[float, float, str]


def text_grid(rows: Sequence[PredictionRow], duration_s: float) -> str:
    """Write the predictions for one recording as a TextGrid in Praat's long text format.

    It has two tiers of the same intervals: the emotions, and their probabilities. Intervals without text are no speech.

    Args:
        rows: Predictions in the order of time; one for the whole recording spans it.
        duration_s: Duration of the recording in seconds.
    """
    tiers = [_tier("emotion", rows, duration_s, _emotion), _tier("probability", rows, duration_s, _probability)]
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {duration_s!r}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, tier in enumerate(tiers, 1):
        lines += [f"    item [{number}]:", *(f"        {line}" for line in tier)]
    return "\n".join(lines) + "\n"


def _emotion(row: PredictionRow) -> str:
    return row.emotion


def _probability(row: PredictionRow) -> str:
    return f"{row.probabilities[row.emotion]:.2f}"


def _tier(
    name: str, rows: Sequence[PredictionRow], duration_s: float, label: Callable[[PredictionRow], str]
) -> list[str]:
    intervals = _fill_gaps(rows, duration_s, label)
    lines = ['class = "IntervalTier"', f'name = "{name}"', "xmin = 0", f"xmax = {duration_s!r}"]
    lines.append(f"intervals: size = {len(intervals)}")
    for number, (start_s, end_s, text) in enumerate(intervals, 1):
        lines += [
            f"intervals [{number}]:",
            f"    xmin = {start_s!r}",
            f"    xmax = {end_s!r}",
            f"    text = {_quote(text)}",
        ]
    return lines


def _fill_gaps(
    rows: Sequence[PredictionRow], duration_s: float, label: Callable[[PredictionRow], str]
) -> list[_Interval]:
    """Make intervals from 0 to the end without gaps, as Praat wants them; gaps have no text."""
    named = [
        (row.start_s or 0.0, duration_s if row.end_s is None else min(row.end_s, duration_s), label(row))
        for row in rows
    ]
    ends = [0.0, *(end_s for _, end_s, _ in named)]
    starts = [*(start_s for start_s, _, _ in named), duration_s]
    gaps = [(end_s, start_s, "") for end_s, start_s in zip(ends, starts, strict=True)]
    ordered = [gaps[0], *chain.from_iterable(zip(named, gaps[1:], strict=True))]
    return [(start_s, end_s, text) for start_s, end_s, text in ordered if end_s > start_s]


def _quote(text: str) -> str:
    """Quote text on one line; Praat doubles quotation marks within."""
    return '"' + " ".join(text.split()).replace('"', '""') + '"'
