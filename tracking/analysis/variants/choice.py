"""Choice of the best variant by validation: one rule for the report, the descriptions of runs, and models."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from ser.config import FoldConfiguration
from tracking.analysis.variants.naming import FIXED, variant_label
from tracking.analysis.variants.scores import ScoredVariant

CHOICE_RULE = "the highest mean validation UA over folds and seeds; of equal ones the simpler model"
"""The rule in words."""

_SIMPLEST_FIRST = ("none", "local", "component", "quantum")
_DECIMALS = 9
"""Decimals of a mean that count: sums in another order differ in the last ones."""


@dataclass(frozen=True)
class Candidate:
    """Variant as the rule of choice sees it.

    Attributes:
        name: Its name, which decides last.
        attention: Its attention.
        scope: Scope of its window, or None.
        layers: Number of its recurrent layers.
        validation_ua: Mean over its seeds of the mean validation UA of their folds, 0..1.
    """

    name: str
    attention: str
    scope: int | None
    layers: int
    validation_ua: float

    @classmethod
    def of(cls, configuration: FoldConfiguration, validation_uas: Sequence[float]) -> "Candidate":
        """Describe a configuration with the mean validation UA of each of its trials, 0..1, one per seed."""
        name = variant_label(configuration)
        return cls(name, configuration.attention, configuration.scope, configuration.layers, fmean(validation_uas))

    @property
    def sort_key(self) -> tuple[float, int, int, int, str]:
        """Key whose lowest value is chosen: validation UA, then simplicity (attention, scope, layers), then name."""
        simplicity = _SIMPLEST_FIRST.index(self.attention), self.scope or 0, self.layers
        return -round(self.validation_ua, _DECIMALS), *simplicity, self.name


def choose(candidates: Sequence[Candidate]) -> int:
    """Return the index of the chosen one of at least one candidate.

    Examples:
        >>> choose([Candidate("b", "quantum", None, 1, 0.7), Candidate("a", "none", None, 1, 0.7)])
        1
    """
    return min(range(len(candidates)), key=lambda index: candidates[index].sort_key)


def choose_variant(variants: Sequence[ScoredVariant]) -> ScoredVariant | None:
    """Choose among the complete variants of a report, single points of a sweep included; None where there is none."""
    complete = [variant for variant in variants if variant.kind == FIXED and variant.complete]
    if not complete:
        return None
    return complete[choose([Candidate.of(variant.configuration, [variant.validation_ua]) for variant in complete])]
