"""Colours of figures and shortening of their labels; free of matplotlib, so that the recorder can use it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Colours of a figure; the colour-blind can tell accent and second apart (Okabe and Ito)."""

    ink: str = "#1b1f24"
    muted: str = "#5b6570"
    grid: str = "#d8dde3"
    accent: str = "#0072b2"
    second: str = "#d55e00"
    paper: str = "#ffffff"


PALETTE = Palette()


def truncate(name: str, max_length: int) -> str:
    """Cut a name to a number of characters, of which the last is an ellipsis."""
    return name if len(name) <= max_length else name[: max_length - 1] + "…"
