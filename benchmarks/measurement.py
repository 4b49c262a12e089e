"""Measurement: one row of the table and of the JSON file, and one bar of the figure."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """One measured value.

    Attributes:
        section: Name of the quantity.
        case: Workload and settings.
        value: The value.
        unit: Its unit; 'times' for a ratio, where more is better.
        target: The smallest (with `upper_bound`, the largest) value that passes, or None.
        upper_bound: The target is an upper bound.
        details: Numbers that the value was computed from.
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
        """Return whether the value meets its target; None without a target."""
        if self.target is None:
            return None
        return self.value <= self.target if self.upper_bound else self.value >= self.target

    def as_json(self) -> dict[str, Any]:
        """Return the row of a results file, whose names stay those of earlier files."""
        return {
            "section": self.section,
            "case": self.case,
            "value": self.value,
            "unit": self.unit,
            "aim": self.target,
            "at_most": self.upper_bound,
            "details": self.details,
            "reached": self.passed,
        }
