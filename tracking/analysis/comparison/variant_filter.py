"""Naming variants on a command line: by the label of one, or by settings that several share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ser.config import FeatureSettings, FoldConfiguration
from ser.errors import ComparisonError, unknown_value_message
from tracking.analysis.variants.grouping import Variant
from tracking.analysis.variants.naming import FIXED
from tracking.analysis.variants.scores import ScoredVariant

RECIPE, SELECTION_KIND = "recipe", "choice"
"""Names that may stand among settings: the recipe, and whether a variant is 'fixed' or 'selected' per fold."""

_NOT_SETTINGS = ("seed", "features")


@dataclass(frozen=True)
class VariantFilter:
    """Which variants are meant.

    Attributes:
        text: As it was typed.
        label: Label of the one that is meant, or None.
        values: Else the values that all of its configurations must have, by name.
    """

    text: str
    label: str | None
    values: Mapping[str, str]

    def matches(self, variant: Variant) -> bool:
        """Whether a variant is meant; a choice among several values of a setting has none of them."""
        if self.label is not None:
            return variant.label == self.label
        return all(values_of(variant, name) == {value} for name, value in self.values.items())


def parse_variant_filter(option: str, text: str, scored: Sequence[ScoredVariant]) -> VariantFilter:
    """Reads which variants are meant.

    Args:
        option: The option it came with, for messages.
        text: The label of a variant, as the report writes it, or `name=value` pairs separated by blanks:
            settings of a configuration, `recipe`, or `choice` (`fixed` or `selected`); `off` where a
            setting has no value.
        scored: All variants of the report.

    Returns:
        The variants that are meant; at least one of `scored`.

    Raises:
        ComparisonError: There is no such label, name or value, or nothing has all of the values.
    """
    variants = scored
    labels = [variant.label for variant in variants]
    if text in labels:
        return VariantFilter(text, text, {})
    words = text.split()
    if not words or not all("=" in word for word in words):
        raise ComparisonError(
            f"{option}: {unknown_value_message('variant', text, labels)}; or name=value, such as labels=words"
        )
    values: dict[str, str] = {}
    for word in words:
        name, value = word.split("=", 1)
        known = setting_names()
        if name not in known:
            raise ComparisonError(f"{option}: {unknown_value_message('setting', name, known)}")
        if name in values:
            raise ComparisonError(f"{option} {text!r}: {name} is given twice")
        there = sorted(set().union(*(values_of(variant, name) for variant in variants)))
        values[name] = _normalize(value)
        if values[name] not in there:
            raise ComparisonError(
                f"{option}: {unknown_value_message(name, value, there)} (those of this report's variants)"
            )
    wanted = VariantFilter(text, None, values)
    if not any(wanted.matches(variant) for variant in variants):
        raise ComparisonError(f"{option} {text!r}: no variant has all of these values; there are: {', '.join(labels)}")
    return wanted


def setting_names() -> tuple[str, ...]:
    """Names of all settings by which variants can be named."""
    own = (name for name in FoldConfiguration.model_fields if name not in _NOT_SETTINGS)
    return (*own, *FeatureSettings.model_fields, RECIPE, SELECTION_KIND)


def values_of(variant: Variant, name: str) -> set[str]:
    """The values that a variant's configurations have of a setting, as text.

    Args:
        variant: A variant.
        name: One of `setting_names`.

    Returns:
        One value for a fixed variant; as many as were chosen among for one that is selected per fold.
    """
    if name == RECIPE:
        return {variant.recipe}
    if name == SELECTION_KIND:
        return {"fixed" if variant.kind == FIXED else "selected"}
    return {_format(_value(configuration, name)) for configuration in variant.configurations}


def _value(configuration: FoldConfiguration, name: str) -> Any:
    owner = configuration if name in FoldConfiguration.model_fields else configuration.features
    return getattr(owner, name)


def _format(value: Any) -> str:
    return "off" if value is None else _normalize(str(value))


def _normalize(text: str) -> str:
    """A number in its shortest form, so that 1e-3 and 0.001 are one; other text as it is."""
    try:
        return f"{float(text):g}"
    except ValueError:
        return text
