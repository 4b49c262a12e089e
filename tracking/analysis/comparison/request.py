"""Comparisons that a user asks for: any variants against any baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ser.config import FoldConfiguration
from tracking.analysis.comparison.baselines import PlannedComparison, closest_baselines, pair_with_baselines
from tracking.analysis.comparison.variant_filter import (
    RECIPE,
    VariantFilter,
    parse_variant_filter,
    setting_names,
    values_of,
)
from tracking.analysis.variants.grouping import Variant
from tracking.analysis.variants.scores import ScoredVariant

_OF_THE_MODEL = ("attention", "scope", "criterion", "labels")
"""What two variants must share where a recipe is the baseline: a recipe decides all the rest."""


@dataclass(frozen=True)
class ComparisonRequest:
    """What is to be compared with what.

    Attributes:
        baseline: Label of the variant that all others are compared with; or `name=value` pairs: each
            variant is then compared with the one that has these values and is otherwise like it. Empty
            for the usual baseline, attention `none`.
        variants: Labels or `name=value` pairs of the variants whose comparisons are shown; empty for
            all. They do not change how p-values are adjusted: that counts every variant.
    """

    baseline: str = ""
    variants: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything but the usual is asked."""
        return bool(self.baseline or self.variants)

    @property
    def words(self) -> str:
        """The question as a sentence for the reader of its report."""
        shown = " or ".join(self.variants) or "every variant"
        against = self.baseline or "its usual baseline"
        return f"Asked for: {shown} against {against}; p-values are adjusted for every comparison with that baseline."


def plan_comparisons(
    scored: Sequence[ScoredVariant], question: ComparisonRequest
) -> tuple[list[PlannedComparison], list[tuple[str, str]]]:
    """Pairs every variant with the baseline that is asked for; no score has a part in it.

    Args:
        scored: All variants of a report.
        question: What is asked; `variants` has no effect here.

    Returns:
        Planned pairs in the order of the variants, and variants without a baseline with the reason.

    Raises:
        ComparisonError: The baseline names no variant of the report.
    """
    if not question.baseline:
        return pair_with_baselines(scored)
    wanted = parse_variant_filter("--baseline", question.baseline, scored)
    baselines = [entry for entry in scored if wanted.matches(entry)]
    pairs: list[PlannedComparison] = []
    orphans: list[tuple[str, str]] = []
    for entry in scored:
        if entry in baselines:
            continue
        found = baselines if wanted.label else closest_baselines(entry, _counterparts(entry, baselines, wanted))
        if len(found) == 1:
            pairs.append(PlannedComparison(entry, found[0], differences(entry, found[0])))
        else:
            orphans.append((entry.label, _why_none(wanted, found)))
    return pairs, orphans


def shown_labels(scored: Sequence[ScoredVariant], question: ComparisonRequest) -> frozenset[str]:
    """Labels of the variants whose comparisons are to be shown.

    Args:
        scored: All variants of a report.
        question: What is asked.

    Returns:
        Their labels; all of them where nothing is said.

    Raises:
        ComparisonError: A text names no variant of the report.
    """
    wanted = [parse_variant_filter("--variants", text, scored) for text in question.variants]
    labels = {entry.label for entry in scored if any(one.matches(entry) for one in wanted)}
    return frozenset(labels if wanted else {entry.label for entry in scored})


def differences(variant: Variant, baseline: Variant) -> str:
    """In which settings two variants differ, such as 'labels phonemes against words'."""
    parts = []
    for name in setting_names():
        own, other = values_of(variant, name), values_of(baseline, name)
        if own != other:
            parts.append(f"{name} {'/'.join(sorted(own))} against {'/'.join(sorted(other))}")
    return ", ".join(parts)


def _counterparts(variant: Variant, baselines: Sequence[ScoredVariant], wanted: VariantFilter) -> list[ScoredVariant]:
    """Baselines that differ from a variant in nothing but the named settings.

    A setting that has no effect on one side does not count, nor does how a point was chosen.
    """
    names = _OF_THE_MODEL if RECIPE in wanted.values else setting_names()[:-2]
    compared = [name for name in names if name not in wanted.values]
    own = [_settings(one, compared) for one in variant.configurations]
    found = []
    for baseline in baselines:
        others = [_settings(one, compared) for one in baseline.configurations]
        if all(any(_alike(a, b) for b in others) for a in own) and all(any(_alike(a, b) for a in own) for b in others):
            found.append(baseline)
    return found


def _settings(configuration: FoldConfiguration, names: Sequence[str]) -> Mapping[str, object]:
    values = {**dict(configuration), **dict(configuration.features)}
    return {name: values[name] for name in names}


def _alike(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    return all(value == b[name] or value is None or b[name] is None for name, value in a.items())


def _why_none(wanted: VariantFilter, found: Sequence[ScoredVariant]) -> str:
    if not found:
        return f"no baseline: no variant with {wanted.text} is otherwise like it"
    labels = ", ".join(entry.label for entry in found)
    return f"no single baseline: {labels} are equally like it; name more settings, or choice=selected"
