"""Page of timelines: waveforms, bands of emotions and players that follow, in one file that needs no network."""

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Template
from markupsafe import Markup

from ser.files import atomic_write
from ser.inference.description import ModelDescription
from ser.inference.timeline.segments import WindowSettings
from ser.inference.timeline.timeline import Timeline
from tracking.analysis.templates import escaping_environment

ASSETS = Path(__file__).parent


def write_page(
    path: Path, timelines: Sequence[Timeline], description: ModelDescription, windows: WindowSettings
) -> None:
    """Write a page of timelines; its players play the recordings from where they are.

    Args:
        path: The page; one that is there is replaced.
        timelines: The timelines.
        description: The model.
        windows: Windows of the timelines.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    script = read_asset("timeline.js") + read_asset("talk.js")
    page = page_template(ASSETS / "talk.html").render(
        recordings=[
            {"name": Path(timeline.name).name, "address": _address(Path(timeline.name), path.parent)}
            for timeline in timelines
        ],
        timelines=[timeline_content(timeline) for timeline in timelines],
        emotions=description.corpus.emotions,
        model=description,
        windows=windows,
        # The files are the package's own; a closing tag in them would end their element.
        style=Markup(read_asset("timeline.css")),
        script=Markup(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    atomic_write(path, page)


def page_template(path: Path) -> Template:
    """Open the template of a page, which escapes all that it shows."""
    environment = escaping_environment(path.parent)
    environment.globals["unheard_ua"] = unheard_ua
    return environment.get_template(path.name)


def unheard_ua(description: ModelDescription) -> str:
    """Say what UA to expect of a model on speakers of whom nothing is known."""
    ua = description.expected_ua.get("stranger", description.expected_ua["speaker"])
    return f"Expected UA on unheard speakers of corpus {description.corpus.name}: {100 * ua:.0f}%."


def read_asset(name: str) -> str:
    """Read a style or a script that pages of timelines share."""
    return (ASSETS / name).read_text(encoding="utf-8")


def timeline_content(timeline: Timeline) -> dict[str, Any]:
    """Return what the script `timeline.js` draws, as plain data."""
    return {
        "duration_s": timeline.duration_s,
        "peaks": timeline.peaks,
        "segments": [
            {
                "start_s": round(segment.start_s, 3),
                "end_s": round(segment.end_s, 3),
                "emotion": segment.emotion,
                "probabilities": {emotion: round(share, 4) for emotion, share in segment.probabilities.items()},
            }
            for segment in timeline.segments
        ],
    }


def _address(recording: Path, folder: Path) -> str:
    """Address of a recording relative to the page's folder."""
    return quote(os.fsencode(Path(os.path.relpath(recording.absolute(), folder.absolute())).as_posix()))
