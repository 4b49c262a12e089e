"""Filters of variants, as a command line names them: by label, or by settings that several share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ser.config import FoldConfiguration
from ser.errors import ComparisonError, unknown_value_message
from ser.feature_settings import feature_setting_names
from tracking.analysis.variants.classical import ScoredBaseline
from tracking.analysis.variants.grouping import Variant
from tracking.analysis.variants.naming import FIXED, flatten_settings

RECIPE, SELECTION_KIND = "recipe", "choice"
"""Names allowed among settings: the recipe, and whether a variant is 'fixed' or 'selected' per fold."""

_NOT_SETTINGS = ("seed", "kind", "name")


@dataclass(frozen=True)
class VariantFilter:
    """Filter of variants, by label or by values of settings.

    Attributes:
        text: The filter as typed.
        label: Label of the only variant that matches, or None.
        values: Else the values that all of its configurations must have, by name.
    """

    text: str
    label: str | None
    values: Mapping[str, str]

    def matches(self, variant: Variant) -> bool:
        """Tell whether a variant matches; a choice among several values of a setting has none of them."""
        if self.label is not None:
            return variant.label == self.label
        return all(setting_values(variant, name) == {value} for name, value in self.values.items())


def parse_variant_filter(
    option: str, text: str, variants: Sequence[Variant], classical: Sequence[ScoredBaseline] = ()
) -> VariantFilter:
    """Parse a filter of variants.

    Args:
        option: The command-line option, for messages.
        text: The label of a variant or classical baseline, as the report writes it (the classifier alone where a
            single one of its name hears the frames of a front end), or `name=value` pairs
            separated by blanks: settings of a configuration, `recipe`, or `choice` (`fixed` or `selected`);
            `off` where a setting has no value.
        variants: All variants of the report.
        classical: All classical baselines of the report, which only a label names.

    Returns:
        A filter that at least one of the variants matches, or the label of a classical baseline.

    Raises:
        ComparisonError: A label, name or value is unknown, or no variant has all of the values.
    """
    labels = [*(variant.label for variant in variants), *(baseline.label for baseline in classical)]
    if text in labels:
        return VariantFilter(text, text, {})
    on_frames = [baseline.label for baseline in classical if baseline.result.name == text and baseline.on_frames]
    if len(on_frames) == 1:
        return VariantFilter(text, on_frames[0], {})
    words = text.split()
    if not words or not all("=" in word for word in words):
        raise ComparisonError(
            f"{option}: {unknown_value_message('variant', text, labels)}; or name=value, such as labels=words"
        )
    values: dict[str, str] = {}
    names = setting_names()
    for word in words:
        name, value = word.split("=", 1)
        if name not in names:
            raise ComparisonError(f"{option}: {unknown_value_message('setting', name, names)}")
        if name in values:
            raise ComparisonError(f"{option} {text!r}: {name} is given twice")
        valid_values = sorted(set().union(*(setting_values(variant, name) for variant in variants)))
        values[name] = _normalize(value)
        if values[name] not in valid_values:
            raise ComparisonError(
                f"{option}: {unknown_value_message(name, value, valid_values)} (the values in this report)"
            )
    variant_filter = VariantFilter(text, None, values)
    if not any(variant_filter.matches(variant) for variant in variants):
        raise ComparisonError(f"{option} {text!r}: no variant has all of these values; expected: {', '.join(labels)}")
    return variant_filter


def setting_names() -> tuple[str, ...]:
    """List the settings by which variants can be named."""
    names = (*FoldConfiguration.model_fields, *feature_setting_names())
    return (*(name for name in names if name not in _NOT_SETTINGS), RECIPE, SELECTION_KIND)


def setting_values(variant: Variant, name: str) -> set[str]:
    """Collect the values of a setting in a variant's configurations, as text.

    Args:
        variant: A variant.
        name: One of `setting_names`.

    Returns:
        One value for a fixed variant; as many as the candidates have for one that is selected per fold.
    """
    if name == RECIPE:
        return {variant.recipe}
    if name == SELECTION_KIND:
        return {"fixed" if variant.kind == FIXED else "selected"}
    return {_format(flatten_settings(configuration).get(name)) for configuration in variant.configurations}


def _format(value: Any) -> str:
    return "off" if value is None else _normalize(str(value))


def _normalize(text: str) -> str:
    """Shorten a number, so that 1e-3 and 0.001 are equal; other text stays."""
    try:
        return f"{float(text):g}"
    except ValueError:
        return text
