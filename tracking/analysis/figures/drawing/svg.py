"""Export of figures: PNG on white paper, or SVG in the colours of a page.

SVG colours are written as CSS variables, so that a page's theme, light or dark, colours its figures.
"""

import io
import re
from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from ser.files import atomic_write
from tracking.analysis.figures.drawing.palette import PALETTE

_VARIABLES = {
    PALETTE.ink: "var(--ink)",
    PALETTE.muted: "var(--muted)",
    PALETTE.grid: "var(--grid)",
    PALETTE.accent: "var(--accent)",
    PALETTE.second: "var(--second)",
    PALETTE.paper: "var(--paper)",
}


def to_png(figure: Figure) -> bytes:
    """Render a figure as PNG on white paper."""
    figure.patch.set(facecolor=PALETTE.paper, alpha=1)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def to_inline_svg(figure: Figure, description: str) -> str:
    """Render a figure as an SVG element for use inside an HTML page.

    Args:
        figure: The figure.
        description: Alternative text for readers who cannot see it.

    Returns:
        The `<svg>` element, colours as CSS variables, text as text (escaped), without ids that
        could stand twice on a page.
    """
    buffer = io.StringIO()
    FigureCanvasSVG(figure)
    # Markers are defined by id, derived from the salt: figures must not share them.
    salt = f"{description} {figure.get_size_inches()}"
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for pattern in (
        r'(?<=<g) id="[^"]*"',
        r' clip-path="[^"]*"',
        r"<defs>\s*<style.*?</defs>",
        r"<metadata>.*?</metadata>",
    ):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    text = re.sub(r'style="[^"]*"', _use_css_variables, text)
    label = description.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def save_figure(figure: Figure, path: Path, title: str) -> None:
    """Save a figure on white paper; the file appears whole or not at all.

    Args:
        figure: The figure.
        path: The file; its suffix, `.png` or `.svg`, gives the format.
        title: Title in the metadata of an SVG file.

    Raises:
        OSError: The file cannot be written.
    """
    content = _svg_file(figure, title) if path.suffix.lower() == ".svg" else to_png(figure)
    atomic_write(path, content)


def _svg_file(figure: Figure, title: str) -> bytes:
    """Render a figure as an SVG file; the same figure gives the same bytes."""
    figure.patch.set(facecolor=PALETTE.paper, alpha=1)
    buffer = io.BytesIO()
    FigureCanvasSVG(figure)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        figure.savefig(buffer, format="svg", metadata={"Title": title, "Date": None})
    return buffer.getvalue()


def _use_css_variables(style: re.Match[str]) -> str:
    text = style.group()
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return re.sub(r"font-family: [^;\"]*|'DejaVu Sans'[^;\"]*sans-serif", "", text)
