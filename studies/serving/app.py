"""Application of the server: a page, predictions, timelines, and the state of the server."""

import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.concurrency import run_in_threadpool

from ser.corpora.audio import read_audio
from ser.corpora.audio_blocks import check_duration
from ser.errors import AudioError, SerError
from ser.frozen_model import FrozenModel
from ser.inference.frames import Recording
from ser.inference.model import EmotionModel, Prediction, label_scores
from ser.inference.timeline.segments import WindowSettings
from ser.inference.timeline.speech import SpeechDetector
from ser.inference.timeline.timeline import Timeline, make_timeline
from studies.predictions.page import timeline_content
from studies.serving.batching import PredictionQueue
from studies.serving.guard import LocalOnly
from studies.serving.limits import LONGEST_UTTERANCE_S, ServerLimits
from studies.serving.page import render_page
from studies.serving.uploads import UploadReceiver

_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary", "description": "An audio file."}},
                }
            }
        },
    }
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The upload ended early, or is no form."},
    403: {"description": "The request is for another host, or of a page from elsewhere."},
    408: {"description": "The upload did not arrive in time."},
    411: {"description": "The header Content-Length is missing."},
    413: {"description": "The upload is too large, or the recording too long."},
    415: {"description": "The request is no multipart form."},
    422: {"description": "The recording cannot be used."},
    429: {"description": "Too many requests are being worked on."},
}


class Score(FrozenModel):
    """Probability of an emotion, in the form of the pipelines of `transformers`."""

    label: str
    score: float


class ServedSegment(FrozenModel):
    """Stretch of speech, or a part of one, with one emotion."""

    start_s: float
    end_s: float
    emotion: str
    probabilities: dict[str, float]


class ServedTimeline(FrozenModel):
    """Timeline of a recording."""

    duration_s: float
    peaks: list[float]
    segments: list[ServedSegment]


class Health(FrozenModel):
    """State of the server."""

    status: str
    model: str
    emotions: list[str]


def make_app(model: EmotionModel, detector: SpeechDetector, limits: ServerLimits) -> FastAPI:
    """Make the application that serves a model.

    Its pages load nothing from elsewhere: FastAPI's own pages of the interface would, so that there is only
    `/openapi.json`.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        queue = PredictionQueue(model)
        with tempfile.TemporaryDirectory(prefix="ser-serve-") as folder:
            app.state.queue, app.state.uploads = queue, UploadReceiver(limits, Path(folder))
            yield
        queue.close()

    app = FastAPI(title="ser serve", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(LocalOnly)
    app.add_exception_handler(SerError, _refuse_recording)
    _add_pages(app, model, limits)
    _add_recognition(app, model.front_end.sample_rate_hz, detector, limits)
    return app


def _add_pages(app: FastAPI, model: EmotionModel, limits: ServerLimits) -> None:
    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def page() -> HTMLResponse:
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            "media-src blob:; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        text = render_page(model.description, limits, nonce)
        return HTMLResponse(text, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})

    @app.get("/health")
    def health() -> Health:
        """Say that the server runs, and what it serves."""
        return Health(status="ok", model=model.description.name, emotions=list(model.emotions))


def _add_recognition(app: FastAPI, rate_hz: int, detector: SpeechDetector, limits: ServerLimits) -> None:
    @app.post("/predict", openapi_extra=_UPLOAD, responses=_REFUSALS)
    async def predict(request: Request) -> list[Score]:
        """Recognise the emotion of a recording of a minute at most; the most probable one comes first."""
        async with app.state.uploads.receive(request) as path:
            prediction = await run_in_threadpool(_predict, path, app.state.queue, rate_hz, limits)
        return [Score(**score) for score in label_scores(prediction.probabilities)]

    @app.post("/timeline", openapi_extra=_UPLOAD, responses=_REFUSALS)
    async def timeline(request: Request) -> ServedTimeline:
        """Find speech in a recording, and recognise the emotion of each part of it."""
        async with app.state.uploads.receive(request) as path:
            made = await run_in_threadpool(_make_timeline, path, app.state.queue, rate_hz, detector, limits)
        return ServedTimeline.model_validate(timeline_content(made))


class TooLongError(SerError):
    """A recording is longer than the server accepts."""


def _check_duration(path: Path, max_duration_s: float, remedy: str) -> None:
    duration_s = check_duration(path)
    if duration_s > max_duration_s:
        raise TooLongError(f"the recording lasts {duration_s:.4g} s; expected {max_duration_s:g} s at most{remedy}")


def _predict(path: Path, queue: PredictionQueue, rate_hz: int, limits: ServerLimits) -> Prediction:
    longest_s = min(LONGEST_UTTERANCE_S, limits.max_duration_s)
    _check_duration(path, longest_s, ": POST /timeline takes longer ones")
    (prediction,) = queue.predict([Recording("recording", read_audio(path, rate_hz))])
    if prediction.reason is not None:
        raise AudioError(path, prediction.reason)
    return prediction


def _make_timeline(
    path: Path, queue: PredictionQueue, rate_hz: int, detector: SpeechDetector, limits: ServerLimits
) -> Timeline:
    _check_duration(path, limits.max_duration_s, "")
    return make_timeline(path, queue.predict, detector, WindowSettings(), lambda share: None, rate_hz)


async def _refuse_recording(request: Request, error: Exception) -> JSONResponse:
    reason = f"the recording {error.reason}" if isinstance(error, AudioError) else str(error)
    return JSONResponse({"detail": reason}, status_code=413 if isinstance(error, TooLongError) else 422)
