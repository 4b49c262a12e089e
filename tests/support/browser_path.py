"""Where the system's Chromium is, asked before a test makes what a browser would show."""

import shutil
from functools import cache

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

NEEDS_BROWSER = f"needs a browser on the path: one of {', '.join(NAMES)}"


@cache
def browser_path() -> str | None:
    """Path of the first of the programs that there is."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)
