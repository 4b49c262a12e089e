"""Colours of pictures and the cutting of their words; needs no drawing library, so that a recorder may use it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Colours of a picture; accent and second are told apart by the colour-blind (Okabe and Ito)."""

    ink: str = "#1b1f24"
    muted: str = "#5b6570"
    grid: str = "#d8dde3"
    accent: str = "#0072b2"
    second: str = "#d55e00"
    paper: str = "#ffffff"


PALETTE = Palette()


def truncate(name: str, longest: int) -> str:
    """A name cut to a number of characters, the last of them an ellipsis."""
    return name if len(name) <= longest else name[: longest - 1] + "…"
