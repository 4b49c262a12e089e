"""Rows of predictions: one for each recording, or for each segment of its timeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ser.inference.model import Prediction, best_first, relative_entropy
from ser.inference.timeline.timeline import Timeline


@dataclass(frozen=True)
class PredictionRow:
    """Prediction for a recording or for a segment of it.

    Attributes:
        file: Name of the recording.
        emotion: The most probable emotion.
        probabilities: Probability of each emotion, 0..1.
        start_s: Start of the segment in seconds, or None for the whole recording.
        end_s: End of the segment in seconds, or None for the whole recording.
    """

    file: str
    emotion: str
    probabilities: Mapping[str, float]
    start_s: float | None = None
    end_s: float | None = None

    @property
    def entropy(self) -> float:
        """Entropy of the probabilities relative to that of a guess, 0..1."""
        return relative_entropy(self.probabilities)

    @property
    def best_first(self) -> list[tuple[str, float]]:
        """Emotions with their probabilities, the most probable first."""
        return best_first(self.probabilities)


def prediction_rows(predictions: Sequence[Prediction]) -> list[PredictionRow]:
    """Make a row for each recording that could be read."""
    return [
        PredictionRow(prediction.recording.name, prediction.emotion, prediction.probabilities)
        for prediction in predictions
        if prediction.emotion is not None
    ]


def timeline_rows(timelines: Sequence[Timeline]) -> list[PredictionRow]:
    """Make a row for each segment."""
    return [
        PredictionRow(timeline.name, segment.emotion, segment.probabilities, segment.start_s, segment.end_s)
        for timeline in timelines
        for segment in timeline.segments
    ]
