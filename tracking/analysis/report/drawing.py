"""A picture of the report before and after it is drawn; what is to be drawn can be handed to another process."""

from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from tracking.analysis.figures.svg import to_svg


@dataclass(frozen=True)
class Picture:
    """A picture in one or two widths; the page shows the one that fits.

    Attributes:
        wide: SVG for a screen or paper.
        narrow: SVG for a phone; empty where the wide one is narrow already.
    """

    wide: str
    narrow: str = ""


@dataclass(frozen=True)
class Drawing:
    """A picture that is not drawn yet.

    Attributes:
        words: What it shows, for those who cannot see it.
        wide: Makes the figure for a screen or paper.
        narrow: Makes the figure for a phone; None where the wide one is narrow already.
    """

    words: str
    wide: partial[Figure]
    narrow: partial[Figure] | None = None


def draw(drawing: Drawing) -> Picture:
    """Draws a picture as SVG text with all names escaped."""
    narrow = "" if drawing.narrow is None else to_svg(drawing.narrow(), drawing.words)
    return Picture(to_svg(drawing.wide(), drawing.words), narrow)
