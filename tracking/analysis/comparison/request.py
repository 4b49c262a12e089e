"""Comparisons that a user requests: any variants against any baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ser.config import FoldConfiguration
from ser.errors import ComparisonError
from ser.feature_settings import feature_setting_names
from tracking.analysis.comparison.baselines import (
    CLASSICAL_EFFECT,
    PlannedComparison,
    closest_baselines,
    pair_with_baselines,
)
from tracking.analysis.comparison.variant_filter import (
    RECIPE,
    SELECTION_KIND,
    VariantFilter,
    parse_variant_filter,
    setting_names,
    setting_values,
)
from tracking.analysis.variants.classical import Classifier, ScoredBaseline
from tracking.analysis.variants.grouping import Variant
from tracking.analysis.variants.naming import FEATURES, FRONT_END_SETTINGS, flatten_settings
from tracking.analysis.variants.scores import ScoredVariant

_MODEL_SETTINGS = ("attention", "scope", "criterion", "labels")
"""Settings that two variants must share where a recipe is the baseline: a recipe decides all the rest."""

MARGIN = 0.02
"""Default margin of equivalence, UA, 0..1: as much as many a published difference."""


@dataclass(frozen=True)
class ComparisonRequest:
    """Request to compare variants with a baseline.

    Attributes:
        baseline: Label of the variant or classical baseline that all others are compared with; or `name=value`
            pairs: each variant is then compared with the one that has these values and is otherwise equal. Empty
            for the default baseline, attention `none`.
        variants: Labels or `name=value` pairs of the variants whose comparisons are shown; empty for
            all. They do not change how p-values are adjusted: that counts every variant.
        margin: Margin of equivalence, UA, 0..1: a variant may be shown to differ by less.
    """

    baseline: str = ""
    variants: tuple[str, ...] = ()
    margin: float = MARGIN

    def __post_init__(self) -> None:
        """Check the margin.

        Raises:
            ComparisonError: It is not between 0 and 1.
        """
        if not 0 < self.margin < 1:
            raise ComparisonError(f"--margin {100 * self.margin:g}: expected points above 0 and below 100")

    def __bool__(self) -> bool:
        """Tell whether the request differs from the default."""
        return self != DEFAULT_REQUEST

    def describe(self) -> str:
        """Describe the request in a sentence for the reader of its report."""
        variants = " or ".join(self.variants) or "every variant"
        baseline = self.baseline or "its default baseline"
        return (
            f"Requested: {variants} against {baseline}, margin of equivalence {100 * self.margin:g} points; p-values "
            "are adjusted for all comparisons with that baseline."
        )


DEFAULT_REQUEST = ComparisonRequest()
"""Every variant against attention `none`, and CTC against the sequence-to-label model."""


def plan_comparisons(
    variants: Sequence[ScoredVariant], request: ComparisonRequest, classical: Sequence[ScoredBaseline] = ()
) -> tuple[list[PlannedComparison], list[tuple[str, str]]]:
    """Pair every variant with the requested baseline, without regard to scores.

    A baseline that is requested by its name, be it a network or classical, is compared with all others of both kinds;
    else only networks are compared.

    Args:
        variants: All variants of a report.
        request: The request; its `variants` have no effect here.
        classical: All classical baselines of the report.

    Returns:
        Planned comparisons in the order of the variants, and labels of variants without a baseline
        with the reason.

    Raises:
        ComparisonError: The baseline names no variant of the report.
    """
    if not request.baseline:
        return pair_with_baselines(variants)
    baseline_filter = parse_variant_filter("--baseline", request.baseline, variants, classical)
    if baseline_filter.label:
        classifiers: list[Classifier] = [*variants, *classical]
        return _pair_with(baseline_filter.label, classifiers), []
    baselines = [variant for variant in variants if baseline_filter.matches(variant)]
    planned: list[PlannedComparison] = []
    unpaired: list[tuple[str, str]] = []
    for variant in variants:
        if variant in baselines:
            continue
        matches = closest_baselines(variant, _counterparts(variant, baselines, baseline_filter))
        if len(matches) == 1:
            planned.append(PlannedComparison(variant, matches[0], describe_differences(variant, matches[0])))
        else:
            unpaired.append((variant.label, _unpaired_reason(baseline_filter, matches)))
    return planned, unpaired


def _pair_with(label: str, classifiers: Sequence[Classifier]) -> list[PlannedComparison]:
    """Pair all variants and classical baselines but one with that one."""
    (baseline,) = (classifier for classifier in classifiers if classifier.label == label)
    return [
        PlannedComparison(classifier, baseline, _describe_pair(classifier, baseline))
        for classifier in classifiers
        if classifier is not baseline
    ]


def _describe_pair(classifier: Classifier, baseline: Classifier) -> str:
    if isinstance(classifier, ScoredVariant) and isinstance(baseline, ScoredVariant):
        return describe_differences(classifier, baseline)
    return CLASSICAL_EFFECT


def shown_labels(
    variants: Sequence[ScoredVariant], request: ComparisonRequest, classical: Sequence[ScoredBaseline] = ()
) -> frozenset[str]:
    """List the labels of the variants and classical baselines whose comparisons are shown.

    Returns:
        Their labels; all of them where the request names none.

    Raises:
        ComparisonError: A text names no variant of the report.
    """
    if not request.variants:
        return frozenset([variant.label for variant in variants] + [baseline.label for baseline in classical])
    filters = [parse_variant_filter("--variants", text, variants, classical) for text in request.variants]
    labels = {label for variant_filter in filters if (label := variant_filter.label) is not None}
    return frozenset(labels).union(
        variant.label for variant in variants if any(variant_filter.matches(variant) for variant_filter in filters)
    )


def describe_differences(variant: Variant, baseline: Variant) -> str:
    """Describe in which settings two variants differ, such as 'labels phonemes against words'."""
    parts = []
    # A front end's label says what its settings would.
    differ = setting_values(variant, FEATURES) != setting_values(baseline, FEATURES)
    for name in [name for name in setting_names() if not (differ and name in feature_setting_names())]:
        of_variant, of_baseline = setting_values(variant, name), setting_values(baseline, name)
        if of_variant != of_baseline:
            parts.append(f"{name} {'/'.join(sorted(of_variant))} against {'/'.join(sorted(of_baseline))}")
    return ", ".join(parts)


def _counterparts(
    variant: Variant, baselines: Sequence[ScoredVariant], baseline_filter: VariantFilter
) -> list[ScoredVariant]:
    """Choose the baselines that differ from a variant in nothing but the named settings.

    A setting that has no effect on one side does not count, nor does how a point was chosen. Where front ends are
    named, the settings that a recipe fixes with the front end do not count either.
    """
    of_training = [name for name in setting_names() if name not in (RECIPE, SELECTION_KIND)]
    names = _MODEL_SETTINGS if RECIPE in baseline_filter.values else of_training
    of_front_end = (*feature_setting_names(), *FRONT_END_SETTINGS) if FEATURES in baseline_filter.values else ()
    compared = [name for name in names if name not in baseline_filter.values and name not in of_front_end]
    of_variant = [_settings(configuration, compared) for configuration in variant.configurations]
    counterparts = []
    for baseline in baselines:
        of_baseline = [_settings(configuration, compared) for configuration in baseline.configurations]
        if all(any(_compatible(a, b) for b in of_baseline) for a in of_variant) and all(
            any(_compatible(a, b) for a in of_variant) for b in of_baseline
        ):
            counterparts.append(baseline)
    return counterparts


def _settings(configuration: FoldConfiguration, names: Sequence[str]) -> Mapping[str, object]:
    values = flatten_settings(configuration)
    return {name: values.get(name) for name in names}


def _compatible(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    return all(value == b[name] or value is None or b[name] is None for name, value in a.items())


def _unpaired_reason(baseline_filter: VariantFilter, matches: Sequence[ScoredVariant]) -> str:
    if not matches:
        return f"no baseline: no variant with {baseline_filter.text} has otherwise the same settings"
    labels = ", ".join(variant.label for variant in matches)
    return f"no single baseline: {labels} match equally well; name more settings, or choice=selected"
