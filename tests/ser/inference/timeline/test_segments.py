"""Windows cover each stretch of speech, and segments end where the most probable emotion changes."""

import re

import pytest

from ser.errors import ConfigurationError
from ser.inference.timeline.segments import WindowSettings, cut_windows, join_segments
from ser.inference.timeline.speech import Stretch

THREE = WindowSettings(window_s=3, step_s=1)


def bounds(windows: list[Stretch]) -> list[tuple[float, float]]:
    return [(window.start_s, window.end_s) for window in windows]


def share(emotion: str) -> dict[str, float]:
    return {name: 0.8 if name == emotion else 0.2 for name in ("anger", "joy")}


def test_short_stretch_is_one_window() -> None:
    assert bounds(list(cut_windows([Stretch(1, 1.5), Stretch(2, 5)], THREE))) == [(1, 1.5), (2, 5)]


def test_last_window_ends_with_its_stretch() -> None:
    assert bounds(list(cut_windows([Stretch(0, 4.5)], THREE))) == [(0, 3), (1, 4), (1.5, 4.5)]


def test_one_window_is_one_segment_as_predicted() -> None:
    stretches = [Stretch(0, 2), Stretch(3, 4)]
    segments = join_segments(stretches, list(zip(stretches, [share("joy"), share("anger")], strict=True)), THREE)
    assert [(segment.start_s, segment.end_s, segment.emotion) for segment in segments] == [
        (0, 2, "joy"),
        (3, 4, "anger"),
    ]
    assert segments[0].probabilities == pytest.approx(share("joy"))


def test_segments_meet_where_the_emotion_changes() -> None:
    stretches = [Stretch(0, 12)]
    windows = list(cut_windows(stretches, THREE))
    heard = [(window, share("anger" if window.end_s <= 7.5 else "joy")) for window in windows]
    first, second = join_segments(stretches, heard, THREE)
    assert (first.start_s, first.emotion, second.end_s, second.emotion) == (0, "anger", 12, "joy")
    assert first.end_s == second.start_s == pytest.approx(6, abs=1)


def test_probabilities_of_segments_sum_to_one() -> None:
    stretches = [Stretch(0.3, 7.9)]
    windows = list(cut_windows(stretches, WindowSettings(2, 0.5)))
    heard = [(window, {"anger": 0.5, "joy": 0.3, "fear": 0.2}) for window in windows]
    (segment,) = join_segments(stretches, heard, WindowSettings(2, 0.5))
    assert sum(segment.probabilities.values()) == pytest.approx(1)
    assert (segment.start_s, segment.end_s) == (0.3, 7.9)


@pytest.mark.parametrize(
    ("window_s", "step_s", "message"),
    [
        (0, 1, "window 0 s: expected 0.25 to 30 s"),
        (31, 1, "window 31 s: expected 0.25 to 30 s"),
        (float("nan"), 1, "window nan s: expected 0.25 to 30 s"),
        (3, 0, "step 0 s: expected 0.1 s to the window's 3 s"),
        (3, 4, "step 4 s: expected 0.1 s to the window's 3 s"),
    ],
)
def test_windows_out_of_range_are_refused(window_s: float, step_s: float, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        WindowSettings(window_s, step_s)
