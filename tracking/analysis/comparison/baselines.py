"""Which variant is compared with which baseline."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracking.analysis.variants.grouping import Variant
from tracking.analysis.variants.naming import ATTENTION_SETTINGS, CRITERION_SETTINGS, FIXED, settings_without
from tracking.analysis.variants.scores import ScoredVariant

ATTENTION_EFFECT = "attention"
CRITERION = "CTC against sequence-to-label"


@dataclass(frozen=True, eq=False)
class PlannedComparison:
    """A planned comparison and what it asks."""

    variant: ScoredVariant
    baseline: ScoredVariant
    question: str


def pair_with_baselines(scored: Sequence[ScoredVariant]) -> tuple[list[PlannedComparison], list[tuple[str, str]]]:
    """Pairs every variant with its baseline.

    A variant's baseline is attention `none` with all other settings equal, of the same recipe (or,
    where another recipe trained that very configuration, of that one). A variant that is selected
    per fold has the `none` variant that shares its members' settings, or, where the members differ
    in settings that `none` has too, the `none` that was selected per fold among the same settings.
    Besides, every CTC model without attention is paired with the sequence-to-label model
    (cross_entropy) of the same settings, where both exist.

    Args:
        scored: All variants of a report.

    Returns:
        Planned pairs in the order of the variants, and variants without a baseline with the reason.
    """
    plain = [entry for entry in scored if entry.configuration.attention == "none"]
    by_settings: dict[Any, list[ScoredVariant]] = defaultdict(list)
    by_shared_settings: dict[Any, list[ScoredVariant]] = defaultdict(list)
    for entry in plain:
        by_settings[_settings(entry, ATTENTION_SETTINGS)].append(entry)
        by_shared_settings[_settings(entry, (*ATTENTION_SETTINGS, *CRITERION_SETTINGS))].append(entry)
    pairs: list[PlannedComparison] = []
    orphans: list[tuple[str, str]] = []
    for entry in scored:
        first = entry.configuration
        if first.attention != "none":
            found = closest_baselines(entry, by_settings[_settings(entry, ATTENTION_SETTINGS)])
            if found:
                pairs.append(PlannedComparison(entry, found[0], ATTENTION_EFFECT))
            else:
                orphans.append((entry.label, _no_baseline(entry)))
        elif first.criterion == "ctc":
            key = _settings(entry, (*ATTENTION_SETTINGS, *CRITERION_SETTINGS))
            others = [other for other in by_shared_settings[key] if other.configuration.criterion != "ctc"]
            found = closest_baselines(entry, others)
            if found:
                pairs.append(PlannedComparison(entry, found[0], CRITERION))
    return pairs, orphans


def _settings(variant: Variant, without: Sequence[str]) -> frozenset[Any]:
    """The settings of a variant (of all members, for a selected one) as a key; equal keys, equal settings."""
    return frozenset(
        frozenset(settings_without(configuration, without).items()) for configuration in variant.configurations
    )


def closest_baselines(entry: ScoredVariant, candidates: Sequence[ScoredVariant]) -> list[ScoredVariant]:
    """The candidates that were tested most like a variant.

    Args:
        entry: The variant.
        candidates: Possible baselines.

    Returns:
        Those that have most in common with it; the same corpus and folds, origin, recipe, seeds and kind
        count, in that order. Several where they have the same in common.
    """

    def likeness(other: ScoredVariant) -> tuple[bool, ...]:
        return (
            other.predictions.corpus.digest == entry.predictions.corpus.digest,
            other.scheme == entry.scheme,
            other.provenance == entry.provenance,
            other.recipe == entry.recipe,
            other.seeds == entry.seeds,
            other.kind == FIXED,
        )

    most = max(map(likeness, candidates), default=())
    return [other for other in candidates if likeness(other) == most]


def _no_baseline(variant: Variant) -> str:
    first = variant.configuration
    target = first.criterion if first.labels is None else f"labels {first.labels}"
    return f"no baseline: attention none, {target}, recipe {variant.recipe}, other settings equal, is not in the table"
