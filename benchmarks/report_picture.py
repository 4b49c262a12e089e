"""Picture of a report's first screen, for the README: `python -m benchmarks.report_picture PAGE`, its index.html."""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PICTURE = Path(__file__).parent.parent / "docs" / "images" / "report.png"
_WIDTH_PX, _HEIGHT_PX = 1000, 760


def draw_picture(page: Path, picture: Path) -> None:
    """Draw the first screen of a page, in the light theme.

    Args:
        page: The page, a local file.
        picture: PNG file that is written.

    Raises:
        SystemExit: There is no browser on the path.
    """
    browser_path = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if browser_path is None:
        raise SystemExit(f"needs a browser on the path: one of {', '.join(_BROWSERS)}")
    picture.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path)
        view = browser.new_page(viewport={"width": _WIDTH_PX, "height": _HEIGHT_PX}, color_scheme="light")
        view.goto(page.resolve().as_uri())
        view.screenshot(path=picture)
        browser.close()


def main() -> None:
    """Draw the picture of the page that is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="index.html of a report")
    parser.add_argument("--output", type=Path, default=_PICTURE, help="PNG file [default: docs/images/report.png]")
    arguments = parser.parse_args()
    draw_picture(arguments.page, arguments.output)


if __name__ == "__main__":
    main()
