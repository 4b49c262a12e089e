"""Windows in stretches of speech, and the segments of one emotion that their predictions make."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray

from ser.errors import ConfigurationError
from ser.inference.timeline.speech import Stretch

_TOLERANCE_S = 1e-6


@dataclass(frozen=True)
class WindowSettings:
    """Windows of which a model decides one by one.

    Attributes:
        window_s: Duration of a window in seconds.
        step_s: Distance between the starts of two windows in seconds.

    Raises:
        ConfigurationError: A duration is out of its range.
    """

    window_s: float = 3.0
    step_s: float = 1.0

    def __post_init__(self) -> None:
        if not 0.25 <= self.window_s <= 30:
            raise ConfigurationError(f"window {self.window_s:g} s: expected 0.25 to 30 s")
        if not 0.1 <= self.step_s <= self.window_s:
            raise ConfigurationError(f"step {self.step_s:g} s: expected 0.1 s to the window's {self.window_s:g} s")


@dataclass(frozen=True)
class Segment:
    """Stretch of speech, or a part of one, with one emotion.

    Attributes:
        start_s: Its start in seconds.
        end_s: Its end in seconds.
        probabilities: Probability of each emotion, 0..1.
    """

    start_s: float
    end_s: float
    probabilities: Mapping[str, float]

    @property
    def emotion(self) -> str:
        """Its most probable emotion."""
        return max(self.probabilities, key=lambda emotion: self.probabilities[emotion])


def cut_windows(stretches: Sequence[Stretch], settings: WindowSettings) -> Iterator[Stretch]:
    """Cut stretches of speech into windows; a stretch shorter than a window is one, and the last one ends with it."""
    for stretch in stretches:
        spare_s = stretch.end_s - stretch.start_s - settings.window_s
        if spare_s <= _TOLERANCE_S:
            yield stretch
            continue
        for number in range(ceil(spare_s / settings.step_s - _TOLERANCE_S) + 1):
            start_s = stretch.start_s + min(number * settings.step_s, spare_s)
            yield Stretch(start_s, start_s + settings.window_s)


def join_segments(
    stretches: Sequence[Stretch], windows: Sequence[tuple[Stretch, Mapping[str, float]]], settings: WindowSettings
) -> list[Segment]:
    """Make segments of the predictions of windows.

    A stretch is divided into cells of about one step. The probabilities of a cell are those of the windows over its
    middle, the more weight the nearer their own middle is; adjacent cells of the same emotion are one segment.

    Args:
        stretches: Stretches of speech in the order of time.
        windows: Windows, in the order of time, with the probability of each emotion.
        settings: How the windows were cut.
    """
    segments = []
    position = 0
    for stretch in stretches:
        first = position
        while position < len(windows) and windows[position][0].start_s < stretch.end_s:
            position += 1
        if first < position:
            segments += _join_cells(stretch, windows[first:position], settings)
    return segments


def _join_cells(
    stretch: Stretch, windows: Sequence[tuple[Stretch, Mapping[str, float]]], settings: WindowSettings
) -> list[Segment]:
    emotions = list(windows[0][1])
    middles = np.array([(window.start_s + window.end_s) / 2 for window, _ in windows])
    shares = np.array([list(probabilities.values()) for _, probabilities in windows])
    duration_s = stretch.end_s - stretch.start_s
    cells = 1 if len(windows) == 1 else ceil(duration_s / settings.step_s - _TOLERANCE_S)
    edges = np.linspace(stretch.start_s, stretch.end_s, cells + 1)
    heard = np.array([_share(middle, middles, shares, settings) for middle in (edges[:-1] + edges[1:]) / 2])
    changes = np.flatnonzero(np.diff(heard.argmax(axis=1))) + 1
    bounds = [0, *changes.tolist(), cells]
    return [
        Segment(
            float(edges[start]),
            float(edges[end]),
            dict(zip(emotions, heard[start:end].mean(axis=0).tolist(), strict=True)),
        )
        for start, end in pairwise(bounds)
    ]


def _share(
    time_s: float, middles: NDArray[np.float64], shares: NDArray[np.float64], settings: WindowSettings
) -> NDArray[np.float64]:
    """Mean of the windows over a time, weighted by the nearness of their middles; shape `(emotion,)`."""
    distances = np.abs(middles - time_s)
    weights = np.clip(1 - distances / (settings.window_s / 2), 0, None)
    if weights.sum() < _TOLERANCE_S:
        # The ends of a stretch are the ends of a window.
        weights = (distances == distances.min()).astype(np.float64)
    mean: NDArray[np.float64] = weights @ shares / weights.sum()
    return mean
