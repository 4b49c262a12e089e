"""Grouping of trials into variants: a configuration without its seed, within one recipe and provenance."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from ser.config import AttentionName, Criterion, FoldConfiguration, LabelStrategy
from ser.results import Fold
from tracking.analysis.results_table import ScoredTrial
from tracking.analysis.scored_folds import Provenance, ScoredFold
from tracking.analysis.variants.naming import FIXED, SELECTED, flatten_settings, variant_label

_IN_LABEL = ("kind", "name", "layer")
"""Settings of a front end that the label of a choice per fold names, or among which it chooses."""


@dataclass(frozen=True, eq=False)
class Variant:
    """Model to compare: its folds for every seed.

    Attributes:
        label: Readable name, unique among the variants of one report.
        kind: 'fixed' for one configuration, 'selected per fold' for a choice among several.
        recipe: Recipe of the studies that trained it.
        configurations: Its configuration (lowest seed), or the candidates of the choice.
        scheme: All folds that it should have.
        folds: Folds that exist, by seed, in the order of the scheme.
        trials: Its trials, or the candidates of the choice.
        incomplete: Missing folds, in words; empty where it is complete.
        chosen: For 'selected per fold': label of the chosen candidate, by seed and fold index.
    """

    label: str
    kind: str
    recipe: str
    configurations: tuple[FoldConfiguration, ...]
    scheme: tuple[Fold, ...]
    folds: Mapping[int, tuple[ScoredFold, ...]]
    trials: tuple[ScoredTrial, ...]
    incomplete: str = ""
    chosen: Mapping[tuple[int, int], str] | None = None

    @property
    def configuration(self) -> FoldConfiguration:
        """First configuration; for 'selected per fold' only attention, labels and criterion hold for all folds."""
        return self.configurations[0]

    @property
    def provenance(self) -> Provenance:
        """Versions and device type of the training of all its folds."""
        return next(iter(self.folds.values()))[0].provenance

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of its trials, ascending."""
        return tuple(sorted(self.folds))

    @property
    def complete(self) -> bool:
        """True where every fold exists for every seed."""
        return not self.incomplete

    @property
    def stands_for_points(self) -> bool:
        """True for a choice per fold that a report compares in place of its candidates, at once or with more folds.

        False where all folds exist and the candidates have unlike seeds: nothing that is planned completes the choice.
        """
        lacks_folds = any(len(trial.folds) < len(trial.scheme) for trial in self.trials)
        return self.kind == SELECTED and (self.complete or lacks_folds)

    @property
    def scored_seeds(self) -> tuple[int, ...]:
        """Seeds that are scored: the complete ones, or the one with most folds."""
        complete = tuple(seed for seed in self.seeds if len(self.folds[seed]) == len(self.scheme))
        return complete or (max(self.seeds, key=lambda seed: (len(self.folds[seed]), -seed)),)

    @property
    def scored_folds(self) -> tuple[ScoredFold, ...]:
        """Folds of the scored seeds, seed by seed."""
        return tuple(fold for seed in self.scored_seeds for fold in self.folds[seed])


def variant_order(variant: Variant) -> tuple[Any, ...]:
    """Return the sort key: recipe, criterion, label strategy, attention, 'selected per fold' first, scope, name."""
    configuration = variant.configuration
    labels = -1 if configuration.labels is None else get_args(LabelStrategy).index(configuration.labels)
    return (
        variant.recipe,
        get_args(Criterion).index(configuration.criterion),
        labels,
        get_args(AttentionName).index(configuration.attention),
        variant.kind == FIXED,
        configuration.scope or 0,
        variant.label,
    )


def group_variants(trials: Sequence[ScoredTrial]) -> list[Variant]:
    """Group trials into variants; a trial that occurs twice counts once.

    Args:
        trials: Trials of any studies. Trials without a single fold have no configuration yet and
            are left out (see `trials_without_folds`).

    Returns:
        Variants in the order of `variant_order`, labels unique.
    """
    distinct = {trial.trial_id: trial for trial in reversed(trials) if trial.folds}
    groups: dict[tuple[Any, ...], list[ScoredTrial]] = defaultdict(list)
    for trial in sorted(distinct.values(), key=lambda trial: trial.trial_id):
        first = trial.folds[0]
        settings = first.configuration.model_copy(update={"seed": 0})
        groups[trial.recipe, first.corpus.digest, trial.scheme, settings, first.provenance].append(trial)
    variants = [_variant(group) for group in groups.values()]
    return sorted(deduplicate_labels(variants), key=variant_order)


def trials_without_folds(trials: Sequence[ScoredTrial]) -> tuple[ScoredTrial, ...]:
    """List the trials none of whose folds has a result yet."""
    return tuple(trial for trial in trials if not trial.folds)


def _variant(trials: Sequence[ScoredTrial]) -> Variant:
    by_seed = {trial.folds[0].configuration.seed: trial for trial in trials}
    ordered = [by_seed[seed] for seed in sorted(by_seed)]
    configuration = ordered[0].folds[0].configuration
    return Variant(
        label=variant_label(configuration),
        kind=FIXED,
        recipe=ordered[0].recipe,
        configurations=(configuration,),
        scheme=ordered[0].scheme,
        folds={seed: by_seed[seed].folds for seed in sorted(by_seed)},
        trials=tuple(ordered),
        incomplete=_missing_folds(ordered),
    )


def _missing_folds(trials: Iterable[ScoredTrial]) -> str:
    parts = []
    for trial in trials:
        existing = {fold.fold.index for fold in trial.folds}
        missing = [fold.name for fold in trial.scheme if fold.index not in existing]
        if missing:
            seed = trial.folds[0].configuration.seed
            parts.append(f"seed {seed}: {len(existing)} of {len(trial.scheme)} folds, missing {', '.join(missing)}")
    return "; ".join(parts)


def deduplicate_labels(variants: Sequence[Variant]) -> list[Variant]:
    """Append to a label that an earlier variant has the recipe where it differs, and settings that differ within it.

    The variant that was trained first has the label alone, so that no later study changes its name.

    Returns:
        The same variants in the same order.
    """
    namesakes: dict[str, list[tuple[str, dict[str, str]]]] = defaultdict(list)
    labels: dict[Variant, str] = {}
    for variant in sorted(variants, key=_first_start_ms):
        earlier, settings = namesakes[variant.label], _distinguishing_settings(variant)
        of_its_recipe = [earlier_settings for recipe, earlier_settings in earlier if recipe == variant.recipe]
        parts = [variant.label]
        if len(of_its_recipe) < len(earlier):
            parts.append(f"recipe {variant.recipe}")
        for name, value in settings.items():
            if any(value != earlier_settings.get(name) for earlier_settings in of_its_recipe):
                parts.append(f"{name} {value}")
        labels[variant] = " · ".join(parts)
        earlier.append((variant.recipe, settings))
    return [replace(variant, label=labels[variant]) for variant in variants]


def _first_start_ms(variant: Variant) -> int:
    """Wall-clock start of a variant's first fold, in milliseconds since 1970."""
    return min(fold.started_ms for folds in variant.folds.values() for fold in folds)


def _distinguishing_settings(variant: Variant) -> dict[str, str]:
    """Describe everything in which variants of equal labels may differ, by name."""
    settings: dict[str, Any]
    if variant.kind == FIXED:
        settings = flatten_settings(variant.configuration)
        for name in ("attention", "scope", "criterion", "labels", "seed"):
            del settings[name]
    else:
        # Of a choice, these alone hold for all of its candidates.
        settings = {name: value for name, value in variant.configuration.features.source if name not in _IN_LABEL}
    first = next(iter(variant.folds.values()))[0]
    validators = ",".join(variant.scheme[0].validation_speakers)
    return {
        **{name: str(value) for name, value in settings.items()},
        "corpus": first.corpus.digest[:8],
        "results version": str(variant.provenance.results_version),
        "torch": variant.provenance.torch,
        "device": variant.provenance.device_type,
        "scheme": f"{variant.scheme[0].scheme} of {len(variant.scheme)} folds, {validators} validates first",
    }
