"""'Selected per fold': a choice among trials by validation speakers only, never by a test score.

Choosing one of many equal trials by a mean over folds flatters the chosen one by 2 to 3 points,
since every speaker's labels went into that mean. Here each fold's choice rests on that fold's own
validation speakers, and only then are the chosen trials' test predictions pooled.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tracking.analysis.scored_folds import ScoredFold
from tracking.analysis.variants.grouping import Variant, deduplicate_labels, variant_order
from tracking.analysis.variants.naming import FIXED, SELECTED, shared_front_end_suffix, target_label

UNLIKE_SEEDS = "its members were not all trained with the same seeds"
"""Reason that a choice is incomplete while every fold of its members exists."""


def selected_per_fold(variants: Sequence[Variant]) -> list[Variant]:
    """Choose in every family of two or more variants, per fold and seed.

    A family shares attention, label strategy, criterion, front end (whichever layer of an encoder), recipe,
    corpus, folds and provenance; its members differ in other settings, such as the scope. The seeds are those that
    all members share.

    Returns:
        One variant of kind 'selected per fold' for each such family, in the order of
        `variant_order`. It is incomplete where a member is: the choice would change with it.
    """
    families: dict[tuple[Any, ...], list[Variant]] = defaultdict(list)
    for variant in variants:
        if variant.kind == FIXED:
            families[_family(variant)].append(variant)
    selected = [_select(sorted(members, key=variant_order)) for members in families.values() if len(members) > 1]
    return sorted(deduplicate_labels([variant for variant in selected if variant is not None]), key=variant_order)


def _family(variant: Variant) -> tuple[Any, ...]:
    configuration = variant.configuration
    model = configuration.attention, configuration.criterion, configuration.labels, configuration.features.source
    corpus = next(iter(variant.folds.values()))[0].corpus.digest
    return *model, variant.recipe, corpus, variant.scheme, variant.provenance


def _select(members: Sequence[Variant]) -> Variant | None:
    seeds = sorted(set.intersection(*(set(member.seeds) for member in members)))
    folds: dict[int, tuple[ScoredFold, ...]] = {}
    chosen: dict[tuple[int, int], str] = {}
    for seed in seeds:
        chosen_folds = []
        for fold in members[0].scheme:
            candidates = _candidates(members, seed, fold.index)
            if candidates:
                label = select_by_validation(candidates)
                chosen[seed, fold.index] = label
                chosen_folds.append(candidates[label])
        if chosen_folds:
            folds[seed] = tuple(chosen_folds)
    if not folds:
        return None
    configurations = tuple(member.configuration for member in members)
    first = configurations[0]
    return Variant(
        label=f"{first.attention} · {SELECTED} · {target_label(first)}{shared_front_end_suffix(configurations)}",
        kind=SELECTED,
        recipe=members[0].recipe,
        configurations=configurations,
        scheme=members[0].scheme,
        folds=folds,
        trials=tuple(trial for member in members for trial in member.trials),
        incomplete=_incomplete_reason(members),
        chosen=chosen,
    )


def _candidates(members: Sequence[Variant], seed: int, index: int) -> dict[str, ScoredFold]:
    return {member.label: fold for member in members for fold in member.folds[seed] if fold.fold.index == index}


def _incomplete_reason(members: Sequence[Variant]) -> str:
    missing = [member.label for member in members if not member.complete]
    if missing:
        return f"{len(missing)} of its {len(members)} members are incomplete ({', '.join(missing)})"
    if len({member.seeds for member in members}) > 1:
        return UNLIKE_SEEDS
    return ""


def select_by_validation(candidates: Mapping[str, ScoredFold]) -> str:
    """Choose among the results of one fold by its validation speakers alone.

    Args:
        candidates: Results of one fold and seed, by variant, in a fixed order.

    Returns:
        The variant with the highest validation UA; ties go to the lower validation loss (none counts
        as the highest), then to the first.
    """
    scores = [(fold.validation_ua, fold.validation_loss) for fold in candidates.values()]
    return list(candidates)[argbest_validation(scores)]


def argbest_validation(scores: Sequence[tuple[float, float | None]]) -> int:
    """Return the index of the best candidate by validation.

    Args:
        scores: Validation UA and validation loss of each candidate; a loss of None counts as the highest.

    Returns:
        Index of the highest validation UA; ties go to the lower loss, then to the first.

    Examples:
        >>> argbest_validation([(0.70, 0.5), (0.72, 0.9), (0.72, 0.4)])
        2
    """

    def sort_key(index: int) -> tuple[float, float]:
        ua, loss = scores[index]
        return -ua, float("inf") if loss is None else loss

    return min(range(len(scores)), key=sort_key)
