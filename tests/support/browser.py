"""A page in a headless browser, and what it did: messages on its console, errors, requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.browser_path import NEEDS_BROWSER, browser_path

Theme = Literal["light", "dark"]


@contextmanager
def headless_browser() -> Iterator[Browser]:
    """The system's Chromium; where there is none the test is skipped."""
    path = browser_path()
    if path is None:
        pytest.skip(NEEDS_BROWSER)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Visit:
    """An open page.

    Attributes:
        page: The page.
        complaints: Errors and messages on its console, as they come.
        requests: Addresses that it asked for, itself first.
    """

    page: Page
    complaints: list[str]
    requests: list[str]


def visit(browser: Browser, path: Path, width: int = 1280, theme: Theme = "light") -> Visit:
    """Opens a file.

    Args:
        browser: The browser.
        path: The file.
        width: Width of the window in CSS pixels.
        theme: Theme that the reader prefers.
    """
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=theme)
    opened = Visit(page, [], [])
    page.on("console", lambda message: opened.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("request", lambda request: opened.requests.append(request.url))
    page.goto(path.as_uri())
    return opened
