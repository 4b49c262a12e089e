"""The server answers as the model does, refuses what it cannot use with a reason, and leaves no file behind."""

import io
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
import soundfile

from ser.corpora.corpus import Utterance
from ser.errors import UtteranceError
from ser.feature_settings import LogMelSettings
from ser.features.frontends.base import FrontEndChoice
from ser.inference import load_model
from ser.inference.frames import Recording
from ser.inference.model import EmotionModel, Prediction
from studies.serving.app import make_app
from studies.serving.batching import PredictionQueue
from studies.serving.limits import ServerLimits
from tests.support.corpora import write_wav
from tests.support.toy_models import write_model

pytest.importorskip("python_multipart")
pytest.importorskip("silero_vad")
testclient = pytest.importorskip("fastapi.testclient")
speech = pytest.importorskip("ser.inference.timeline.speech")

ADDRESS = "http://127.0.0.1:8090"
LIMITS = ServerLimits(max_upload_mb=0.5, max_duration_s=100, max_requests=1)


@pytest.fixture
def model(tmp_path: Path) -> EmotionModel:
    write_model(tmp_path / "model")
    return load_model(tmp_path / "model")


@pytest.fixture
def client(model: EmotionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a server whose temporary files lie in a folder of the test's."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with testclient.TestClient(make_app(model, speech.SpeechDetector(), LIMITS), base_url=ADDRESS) as client:
        yield client
        assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert list(folder.iterdir()) == []


def post(client: Any, content: bytes, path: str = "/predict", name: str = "a.wav") -> tuple[int, Any]:
    answer = client.post(path, files={"file": (name, content, "audio/wav")})
    return answer.status_code, answer.json()


def encode(samples: Any, **changes: Any) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.asarray(samples, np.float32), **({"samplerate": 16_000, "format": "WAV"} | changes))
    return file.getvalue()


def test_scores_are_those_of_the_model(client: Any, model: EmotionModel, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav")
    (prediction,) = model.predict([path])
    status, scores = post(client, path.read_bytes(), name="../../etc/passwd")
    assert status == 200
    assert scores == [
        {"label": label, "score": pytest.approx(score)}
        for label, score in sorted(prediction.probabilities.items(), key=lambda entry: -entry[1])
    ]


def test_a_model_hears_samples_at_the_rate_of_its_front_end(tmp_path: Path) -> None:
    write_model(tmp_path / "model", FrontEndChoice(settings=LogMelSettings(sample_rate_hz=8_000)))
    model, path = load_model(tmp_path / "model"), write_wav(tmp_path / "a.wav")
    (prediction,) = model.predict([path])
    with testclient.TestClient(make_app(model, speech.SpeechDetector(), LIMITS), base_url=ADDRESS) as client:
        status, scores = post(client, path.read_bytes())
    assert (status, scores[0]["score"]) == (200, pytest.approx(max(prediction.probabilities.values())))


def test_timeline_of_long_recordings_is_served(client: Any) -> None:
    status, timeline = post(client, encode(np.zeros(61 * 2_000), samplerate=2_000), "/timeline")
    assert (status, timeline["duration_s"], timeline["segments"]) == (200, 61, [])


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"", 422, "cannot be decoded as audio"),
        (b"no sound", 422, "the recording cannot be decoded as audio"),
        (encode([]), 422, "holds no samples"),
        (encode([0.1, np.nan] * 800, subtype="FLOAT"), 422, "the recording holds samples that are NaN or infinite"),
        (encode([900.0] * 800, subtype="FLOAT"), 422, "expected -1..1"),
        (encode([0.1] * 40), 422, "lasts 2.5 ms"),
        (encode(np.zeros(61 * 1_000), samplerate=1_000), 413, "lasts 61 s; expected 60 s at most: POST /timeline"),
        (encode(np.zeros(61 * 48_000), samplerate=48_000, format="FLAC"), 413, "expected 60 s at most"),
        (bytes(600_000), 413, "expected 0.5 MB at most"),
        (b"RIFF" + struct.pack("<I", 2**31) + encode([0.1] * 800)[8:40] + struct.pack("<I", 2**30), 422, "cut short"),
    ],
)
def test_unusable_recording_is_refused_with_its_reason(client: Any, content: bytes, status: int, reason: str) -> None:
    code, answer = post(client, content)
    assert (code, reason in answer["detail"]) == (status, True), answer
    assert "/tmp" not in answer["detail"]
    assert client.get("/health").json()["status"] == "ok"


def test_a_recording_without_frames_is_named_once(
    client: Any, model: EmotionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(utterance: Utterance, samples: Any) -> Any:
        raise UtteranceError(utterance.path, utterance.id, "lasts 50 ms, too short for a frame of wavlm")

    monkeypatch.setattr(model.front_end, "compute", compute)
    reason = "the recording lasts 50 ms, too short for a frame of wavlm"
    assert post(client, encode([0.1] * 800)) == (422, {"detail": reason})


def test_what_is_no_form_with_a_file_is_refused(client: Any) -> None:
    wave = encode([0.1] * 800)
    assert client.post("/predict", content=wave).status_code == 415
    assert client.post("/predict", data={"file": "/etc/passwd"}).status_code == 415
    assert client.post("/predict", files={"other": wave}).status_code == 422
    assert client.post("/predict", files={"file": (None, "/etc/passwd")}).status_code == 422
    assert client.post("/predict", files=[("file", wave), ("file", wave)]).status_code == 400
    chunks = {"content-type": "multipart/form-data; boundary=x"}
    assert client.post("/predict", content=iter([b"--x"]), headers=chunks).status_code == 411
    both = chunks | {"content-length": "100", "transfer-encoding": "chunked"}
    assert client.post("/predict", content=b"nonsense", headers=both).status_code == 411
    assert client.post("/predict", content=b"nonsense", headers=chunks).status_code == 400
    assert client.get("/predict").status_code == 405


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:8090"},
        {"host": "127.0.0.1.evil.example:8090"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
    ],
)
def test_requests_from_elsewhere_are_refused(client: Any, headers: dict[str, str]) -> None:
    for path in ("/", "/health", "/openapi.json"):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, "detail" in answer.json()) == (403, True)
    answer = client.post("/predict", files={"file": encode([0.1] * 800)}, headers=headers)
    assert answer.status_code == 403
    assert client.get("/health", headers={"host": "localhost:8090", "origin": "http://localhost:8090"}).is_success


def test_pages_load_nothing_from_elsewhere(client: Any) -> None:
    page = client.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.text.replace("http://www.w3.org/2000/svg", "").count("://") == 0
    assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {"/predict", "/timeline", "/health"}
    assert "multipart/form-data" in paths["/predict"]["post"]["requestBody"]["content"]


class SlowModel:
    """Decides when it may, and notes how many recordings it got at once."""

    def __init__(self) -> None:
        self.started, self.may_end = Event(), Event()
        self.batches: list[int] = []

    def predict(self, recordings: list[Recording]) -> list[Prediction]:
        self.batches.append(len(recordings))
        self.started.set()
        assert self.may_end.wait(60)
        return [Prediction(recording, recording.name, {recording.name: 1.0}) for recording in recordings]


def test_recordings_that_wait_are_decided_together() -> None:
    model = SlowModel()
    queue = PredictionQueue(model)  # type: ignore[arg-type]
    answers: dict[str, str | None] = {}

    def ask(name: str) -> None:
        answers[name] = queue.predict([Recording(name, np.zeros(400, np.float32))])[0].emotion

    threads = [Thread(target=ask, args=(str(number),)) for number in range(6)]
    threads[0].start()
    assert model.started.wait(60)
    for thread in threads[1:]:
        thread.start()
    while queue._jobs.qsize() < 5:
        time.sleep(0.001)
    model.may_end.set()
    for thread in threads:
        thread.join()
    queue.close()
    assert model.batches == [1, 5]
    assert answers == {str(number): str(number) for number in range(6)}


def test_error_of_a_batch_reaches_those_who_wait() -> None:
    class BrokenModel:
        def predict(self, recordings: list[Recording]) -> list[Prediction]:
            raise MemoryError("no room")

    queue = PredictionQueue(BrokenModel())  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(MemoryError, match="no room"):
            queue.predict([Recording("a", np.zeros(400, np.float32))])
    queue.close()


def test_more_requests_than_allowed_are_refused(client: Any) -> None:
    slow, queue = SlowModel(), client.app.state.queue
    queue._model = slow
    first: list[int] = []
    wave = encode([0.1] * 800)
    thread = Thread(target=lambda: first.append(post(client, wave)[0]))
    thread.start()
    assert slow.started.wait(60)
    status, answer = post(client, wave)
    assert (status, "try again later" in answer["detail"]) == (429, True)
    slow.may_end.set()
    thread.join()
    assert first == [200]
    assert post(client, wave)[0] == 200
