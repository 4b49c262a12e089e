"""The page of the server shows what is heard in a file that is dropped on it, and why another cannot be used."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import soundfile
import uvicorn
from playwright.sync_api import expect

from ser.inference import load_model
from ser.inference.timeline.speech import SpeechDetector
from studies.serving.app import make_app
from studies.serving.limits import ServerLimits
from tests.support.browser import headless_browser
from tests.support.corpora import write_wav
from tests.support.toy_models import TOY_CORPUS, write_model

pytest.importorskip("python_multipart")
pytest.importorskip("silero_vad")

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    write_model(tmp_path / "model", corpus=TOY_CORPUS.model_copy(update={"emotions": ("anger", HOSTILE)}))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = make_app(load_model(tmp_path / "model"), SpeechDetector(), ServerLimits())
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = Thread(target=server.run, args=([listener],))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    server.should_exit = True
    thread.join()


@pytest.mark.browser
def test_page_shows_what_is_heard_or_why_not(address: str, tmp_path: Path) -> None:
    with headless_browser() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        page.set_input_files("input[type=file]", write_wav(tmp_path / f"{HOSTILE.replace('/', '')} a.wav"))
        expect(page.locator(".bar")).to_have_count(2, timeout=30_000)
        assert sorted(page.locator(".bar > span:first-child").all_text_contents()) == [HOSTILE, "anger"]
        assert page.locator("h2").text_content() == f"{HOSTILE} a.wav"
        page.set_input_files("input[type=file]", write_wav(tmp_path / "long.wav", 11))
        expect(page.locator(".lane")).to_have_count(2, timeout=30_000)
        assert not page.locator(".unplayable").is_visible()
        # Browsers do not play AIFF, so that the server alone knows how long one lasts.
        for seconds, drawn in ((0.5, ".bars > .bar"), (11, ".lane")):
            soundfile.write(tmp_path / "a.aiff", 0.1 * np.ones(round(seconds * 16_000)), 16_000)
            page.set_input_files("input[type=file]", tmp_path / "a.aiff")
            expect(page.locator(".unplayable")).to_be_visible(timeout=30_000)
            expect(page.locator(".waiting")).to_be_hidden(timeout=30_000)
            assert page.locator(drawn).count() == 2, page.locator(".error").text_content()
            assert page.locator(".lane").count() == (2 if seconds > 10 else 0)
        (tmp_path / "text.wav").write_text("no sound")
        page.set_input_files("input[type=file]", tmp_path / "text.wav")
        expect(page.locator(".error")).to_contain_text("cannot be decoded as audio", timeout=30_000)
        assert page.locator("img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert all(request.startswith((address, f"blob:{address}", "data:")) for request in requests)
