"""Confusion matrix of a fold as an SVG file, filled into a template.

The report draws the same matrix with matplotlib (`tracking.analysis.figures.panels`), which takes a hundred
times as long: as long as everything else that is recorded of a fold.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Template
from numpy.typing import NDArray

from ser.metrics import row_shares
from tracking.analysis.figures.drawing.palette import PALETTE, truncate
from tracking.analysis.templates import escaping_environment

# Positions and sizes in units of the template, which is 360 wide and high.
_LEFT, _TOP, _SIDE = 104, 28, 250
_SHADE = 0.55
"""Opacity of a cell that holds all of its row: ink stays readable on it."""
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def confusion_svg(confusion: NDArray[np.int64], emotions: Sequence[str], title: str) -> bytes:
    """Draw one confusion matrix: cells shaded by their row's share, share and count in them.

    Args:
        confusion: Counts, shape `(class, class)`, rows true.
        emotions: Names of the classes; with up to eight, cells also hold counts.
        title: Title, drawn as it is.

    Returns:
        An SVG file; cells without utterances stay empty.
    """
    k = len(emotions)
    size = _SIDE / k
    font = 11.0 if k <= 5 else 9.0 if k <= 8 else 7.0
    shares = row_shares(confusion)
    cells = []
    for row, column in np.argwhere(confusion > 0).tolist():
        share = float(shares[row, column])
        texts = [f"{100 * share:.0f}%", str(int(confusion[row, column]))] if k <= 8 else [f"{100 * share:.0f}"]
        x, y = _LEFT + column * size, _TOP + row * size
        # The baseline of a text is a third of its size below its middle.
        first = y + size / 2 + font / 3 - 0.6 * font * (len(texts) - 1)
        cells.append(
            {
                "x": _coordinate(x),
                "y": _coordinate(y),
                "middle": _coordinate(x + size / 2),
                "shade": f"{_SHADE * share:.3f}",
                "lines": [
                    {"y": _coordinate(first + 1.2 * font * line), "text": text} for line, text in enumerate(texts)
                ],
            }
        )
    middles = [(number + 0.5) * size for number in range(k)]
    names: list[dict[str, Any]] = [
        {
            "text": _replace_non_xml(truncate(emotion, 12)),
            "x": _coordinate(_LEFT + middle),
            "y": _coordinate(_TOP + middle + 3),
        }
        for emotion, middle in zip(emotions, middles, strict=True)
    ]
    return (
        _template()
        .render(
            palette=PALETTE,
            title=_replace_non_xml(title),
            heading=_replace_non_xml(truncate(title, 54)),
            cells=cells,
            names=names,
            size=_coordinate(size),
            font=font,
            left=_LEFT,
            top=_TOP,
            side=_SIDE,
        )
        .encode()
    )


@cache
def _template() -> Template:
    """Compiled template."""
    return escaping_environment(Path(__file__).parent).get_template("confusion.svg")


def _coordinate(value: float) -> str:
    return f"{value:.2f}"


def _replace_non_xml(text: str) -> str:
    """Replace the characters that no XML file can hold, however they are escaped."""
    return _NOT_IN_XML.sub("\ufffd", text)
