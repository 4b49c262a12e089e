"""Model as MLflow loads and serves it; MLflow copies this file beside the model's folder and executes it from there.

A request has one row for each recording: an audio file as base64 text, and the speaker where somebody knows.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow.models
import pandas as pd
from mlflow.pyfunc.model import PythonModel
from typing_extensions import override

from ser.inference import load_model
from ser.inference.frames import Recording
from ser.inference.model import Prediction, label_scores

AUDIO, SPEAKER = "audio", "speaker"
"""Columns of a request."""

MODEL = "model"
"""Name of the model's folder among the artifacts."""


class ServedModel(PythonModel):
    """Model with MLflow's interface."""

    @override
    def load_context(self, context: Any) -> None:
        self._model = load_model(context.artifacts[MODEL])

    @override
    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        with TemporaryDirectory(prefix="ser-") as folder:
            recordings = list(_write_recordings(model_input, Path(folder)))
            # Those of one speaker together, as the model expects them; the answer is in the order of the request.
            order = sorted(range(len(recordings)), key=lambda row: recordings[row].speaker or "")
            predictions = self._model.predict([recordings[row] for row in order])
            answers = dict(zip(order, map(_as_answer, predictions), strict=True))
        return [answers[row] for row in range(len(recordings))]


def _write_recordings(rows: pd.DataFrame, folder: Path) -> Iterator[Recording]:
    speakers = rows[SPEAKER] if SPEAKER in rows else [None] * len(rows)
    for number, (audio, speaker) in enumerate(zip(rows[AUDIO], speakers, strict=True), 1):
        path = folder / f"recording {number}"
        path.write_bytes(audio)
        yield Recording(f"recording {number}", path, speaker if isinstance(speaker, str) and speaker else None)


def _as_answer(prediction: Prediction) -> dict[str, Any]:
    """Answer as `transformers` gives it, with the decision beside it."""
    error = prediction.error
    if error is not None:
        # Nobody else knows the folder of the temporary file.
        error = error.replace(str(Path(str(prediction.recording.audio)).parent) + "/", "")
    return {
        "emotion": prediction.emotion,
        "scores": label_scores(prediction.probabilities),
        "entropy": prediction.entropy,
        "error": error,
    }


mlflow.models.set_model(ServedModel())
