"""What a measurement comes to: one row of the table, of the JSON and of the picture."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """One figure.

    Attributes:
        section: What is measured.
        case: On what, and how.
        value: The figure.
        unit: Its unit; 'times' for a ratio, in which more is better.
        aim: The least (or, below, the greatest) value that is good enough, or None.
        at_most: Whether the aim is an upper bound.
        details: What it was made from, in words and numbers.
    """

    section: str
    case: str
    value: float
    unit: str
    target: float | None = None
    upper_bound: bool = False
    details: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether the aim is reached; None where there is none."""
        if self.target is None:
            return None
        return self.value <= self.target if self.upper_bound else self.value >= self.target
