"""Pairing of variants with their baselines."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracking.analysis.variants.classical import ScoredClassifier
from tracking.analysis.variants.grouping import Variant
from tracking.analysis.variants.naming import (
    ATTENTION_SETTINGS,
    CRITERION_SETTINGS,
    FIXED,
    settings_without,
    shared_front_end_suffix,
    target_label,
)
from tracking.analysis.variants.scores import ScoredVariant

ATTENTION_EFFECT = "attention"
CTC_EFFECT = "CTC against sequence-to-label"
CLASSICAL_EFFECT = "network and classical baseline"


@dataclass(frozen=True, eq=False)
class PlannedComparison:
    """Variant with its baseline, and in what the two differ."""

    variant: ScoredClassifier
    baseline: ScoredClassifier
    question: str


def pair_with_baselines(
    variants: Sequence[ScoredVariant],
) -> tuple[list[PlannedComparison], list[tuple[str, str]]]:
    """Pair every variant with its baseline.

    A variant's baseline is attention `none` with all other settings equal, of the same recipe (or,
    where another recipe trained that very configuration, of that one). A variant that is selected
    per fold has the `none` variant that shares its members' settings, or, where the members differ
    in settings that `none` has too, the `none` that was selected per fold among the same settings.
    Besides, every CTC model without attention is paired with the sequence-to-label model
    (cross_entropy) of the same settings, where both exist.

    Returns:
        Planned comparisons in the order of the variants, and labels of variants without a baseline
        with the reason.
    """
    by_settings: dict[Any, list[ScoredVariant]] = defaultdict(list)
    by_shared_settings: dict[Any, list[ScoredVariant]] = defaultdict(list)
    for variant in variants:
        if variant.configuration.attention == "none":
            by_settings[_settings_key(variant, ATTENTION_SETTINGS)].append(variant)
            by_shared_settings[_settings_key(variant, (*ATTENTION_SETTINGS, *CRITERION_SETTINGS))].append(variant)
    planned: list[PlannedComparison] = []
    unpaired: list[tuple[str, str]] = []
    for variant in variants:
        if variant.configuration.attention != "none":
            baselines = closest_baselines(variant, by_settings[_settings_key(variant, ATTENTION_SETTINGS)])
            if baselines:
                planned.append(PlannedComparison(variant, baselines[0], ATTENTION_EFFECT))
            else:
                unpaired.append((variant.label, _missing_baseline_message(variant)))
        elif variant.configuration.criterion == "ctc":
            key = _settings_key(variant, (*ATTENTION_SETTINGS, *CRITERION_SETTINGS))
            candidates = [
                candidate
                for candidate in by_shared_settings[key]
                if candidate.configuration.criterion == "cross_entropy"
            ]
            baselines = closest_baselines(variant, candidates)
            if baselines:
                planned.append(PlannedComparison(variant, baselines[0], CTC_EFFECT))
    return planned, unpaired


def _settings_key(variant: Variant, ignored: Sequence[str]) -> frozenset[Any]:
    """Return the settings of all configurations of a variant, less the ignored ones; equal keys, equal settings."""
    return frozenset(
        frozenset(settings_without(configuration, ignored).items()) for configuration in variant.configurations
    )


def closest_baselines(variant: ScoredVariant, candidates: Sequence[ScoredVariant]) -> list[ScoredVariant]:
    """Choose the candidates that were tested most like a variant.

    Returns:
        Candidates that have most in common with it; the same corpus and folds, provenance, recipe,
        seeds and kind count, in that order. Several where they have the same in common.
    """

    def similarity(candidate: ScoredVariant) -> tuple[bool, ...]:
        return (
            candidate.predictions.corpus.digest == variant.predictions.corpus.digest,
            candidate.scheme == variant.scheme,
            candidate.provenance == variant.provenance,
            candidate.recipe == variant.recipe,
            candidate.seeds == variant.seeds,
            candidate.kind == FIXED,
        )

    highest = max(map(similarity, candidates), default=())
    return [candidate for candidate in candidates if similarity(candidate) == highest]


def _missing_baseline_message(variant: Variant) -> str:
    name = f"none · {target_label(variant.configuration)}{shared_front_end_suffix(variant.configurations)}"
    return f"no baseline: this report has no run of {name} with the same settings (recipe {variant.recipe})"
