"""The page of timelines draws each segment, follows its player, and shows names as they are."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from ser.inference.timeline.segments import Segment, WindowSettings
from ser.inference.timeline.timeline import Timeline
from studies.predictions.page import write_page
from tests.support.browser import headless_browser, visit
from tests.support.corpora import write_wav
from tests.support.toy_models import TOY_CORPUS, write_model

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    corpus = TOY_CORPUS.model_copy(update={"emotions": ("anger", HOSTILE)})
    description = write_model(tmp_path / "model", corpus=corpus)
    recording = write_wav(tmp_path / "a <b>&'é #%.wav", 2)
    segments = (
        Segment(0.5, 1.0, {"anger": 0.9, HOSTILE: 0.1}),
        Segment(1.0, 1.5, {"anger": 0.2, HOSTILE: 0.8}),
    )
    path = tmp_path / "pages" / "talk.html"
    timeline = Timeline(str(recording), 2.0, segments, tuple(0.1 for _ in range(100)))
    write_page(path, [timeline], description, WindowSettings())
    return path


@pytest.mark.browser
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_page_shows_segments_and_follows_the_player(page: Path, width: int, theme: str) -> None:
    with headless_browser() as browser:
        opened = visit(browser, page, width, theme)  # type: ignore[arg-type]
        tab = opened.page
        assert tab.locator("h2").text_content() == "a <b>&'é #%.wav"
        assert tab.locator(".band").count() == 2
        assert tab.locator(".names span").all_text_contents() == ["", "anger", HOSTILE]
        assert tab.locator(".now").text_content() == "no speech"
        tab.locator("details").click()
        assert not tab.locator(".bars").is_visible()
        tab.locator("tbody button").nth(1).click()
        expect(tab.locator(".now")).to_have_text(HOSTILE)
        assert tab.locator("tr.current").count() == 1
        assert tab.locator(".bars").is_visible()
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.locator("img").count() == 0
        assert opened.complaints == []
        assert all(address.startswith(("file:", "data:")) for address in opened.requests)
