"""Tidy tables of scores: one row per fold, and one per variant."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ser.metrics import absent_classes
from tracking.analysis.scored_folds import ScoredFold
from tracking.analysis.variants.classical import BaselineFold, Classifier, ScoredBaseline
from tracking.analysis.variants.grouping import Variant
from tracking.analysis.variants.scores import ScoredVariant

_WEIGHT_STATISTICS = ("negative_weight_share", "saturated_weight_share", "relative_weight_entropy")


def fold_table(variants: Sequence[Variant], baselines: Sequence[ScoredBaseline] = ()) -> pd.DataFrame:
    """Tabulate scores, one row per variant, seed and fold, and one per fold of a classical baseline.

    Args:
        variants: Variants of either kind, complete or not.
        baselines: Classical baselines; what only networks have is empty in their rows.

    Returns:
        Columns: variant, kind, recipe, seed, fold, name, test_speakers, chosen (the chosen
        candidate, for 'selected per fold'), utterances, ua, wa, missing_classes, validation_ua,
        validation_loss, undecided_share, targets, capped, raised, selected_epoch, duration_s,
        changed_decision_share, and the statistics of attention weights on the test utterances. UA, WA
        and shares are 0..1.
    """
    rows = [
        _fold_row(variant, seed, fold) for variant in variants for seed in variant.seeds for fold in variant.folds[seed]
    ]
    rows += [_baseline_fold_row(baseline, fold) for baseline in baselines for fold in baseline.folds]
    return pd.DataFrame(rows)


def _baseline_fold_row(baseline: ScoredBaseline, fold: BaselineFold) -> dict[str, object]:
    absent = [baseline.result.corpus.emotions[index] for index in absent_classes(fold.confusion)]
    return {
        "variant": baseline.label,
        "kind": baseline.kind,
        "fold": fold.fold.index,
        "name": fold.fold.name,
        "test_speakers": " ".join(fold.fold.test_speakers),
        "utterances": fold.utterances,
        "ua": fold.ua,
        "wa": fold.wa,
        "missing_classes": " ".join(absent),
        "validation_ua": fold.validation_ua,
    }


def _fold_row(variant: Variant, seed: int, fold: ScoredFold) -> dict[str, object]:
    absent = [fold.corpus.emotions[index] for index in absent_classes(fold.confusion)]
    chosen = "" if variant.chosen is None else variant.chosen[seed, fold.fold.index]
    effect = fold.attention_effect
    return {
        "variant": variant.label,
        "kind": variant.kind,
        "recipe": variant.recipe,
        "seed": seed,
        "fold": fold.fold.index,
        "name": fold.fold.name,
        "test_speakers": " ".join(fold.fold.test_speakers),
        "chosen": chosen,
        "utterances": len(fold.test.utterances),
        "ua": fold.ua,
        "wa": fold.wa,
        "missing_classes": " ".join(absent),
        "validation_ua": fold.validation_ua,
        "validation_loss": fold.validation_loss,
        "undecided_share": fold.undecided_share,
        "targets": fold.targets.utterances,
        "capped": fold.targets.capped,
        "raised": fold.targets.raised,
        "selected_epoch": fold.selected_epoch,
        "duration_s": fold.seconds,
        "changed_decision_share": None if effect is None else effect.changed_decision_share,
        **{name: None if effect is None else effect.weight_statistics.get(name) for name in _WEIGHT_STATISTICS},
    }


def variant_table(variants: Sequence[Classifier]) -> pd.DataFrame:
    """Tabulate scores, one row per variant or classical baseline.

    Args:
        variants: Scored variants and baselines; what only networks have is empty in the rows of baselines.

    Returns:
        Columns: variant, kind, recipe, attention, scope, labels, criterion, seeds, folds, complete,
        incomplete, utterances, speakers, ua, ua_low, ua_high, ua_seed_deviation, wa, wa_low,
        wa_high, wa_seed_deviation, ua_fold_mean, ua_fold_deviation, wa_fold_mean,
        wa_fold_deviation, validation_ua, capped_share, comparable_as_strategy, undecided_share,
        missing_classes, training_hours, macro_f1, macro_f1_seed_deviation, changed_decision_share.
        UA, WA, macro-F1 and shares are 0..1.
    """
    return pd.DataFrame([_variant_row(variant) for variant in variants])


def _variant_row(classifier: Classifier) -> dict[str, object]:
    scores, interval = classifier.scores, classifier.scores.ua_interval
    network = classifier if isinstance(classifier, ScoredVariant) else None
    return {
        "variant": classifier.label,
        "kind": classifier.kind,
        **_setting_columns(network),
        "seeds": " ".join(map(str, classifier.seeds)),
        "folds": len(np.unique(classifier.predictions.folds)),
        "complete": classifier.complete,
        "incomplete": classifier.incomplete,
        "utterances": len(classifier.predictions.utterances),
        "speakers": len(classifier.predictions.speaker_names),
        "ua": scores.ua.mean,
        "ua_low": None if interval is None else interval.low,
        "ua_high": None if interval is None else interval.high,
        "ua_seed_deviation": scores.ua.std,
        "wa": scores.wa.mean,
        "wa_low": scores.wa_interval.low,
        "wa_high": scores.wa_interval.high,
        "wa_seed_deviation": scores.wa.std,
        "ua_fold_mean": scores.ua_folds.mean,
        "ua_fold_deviation": scores.ua_folds.std,
        "wa_fold_mean": scores.wa_folds.mean,
        "wa_fold_deviation": scores.wa_folds.std,
        "validation_ua": classifier.validation_ua,
        "capped_share": None if network is None else network.capped_share,
        "comparable_as_strategy": None if network is None else not network.capped,
        "undecided_share": None if network is None else network.undecided_share,
        "missing_classes": "; ".join(f"{fold}: {' '.join(names)}" for fold, names in scores.absent_classes.items()),
        "training_hours": None if network is None else network.training_hours,
        "macro_f1": scores.macro_f1.mean,
        "macro_f1_seed_deviation": scores.macro_f1.std,
        "changed_decision_share": None if network is None else network.changed_decision_share,
    }


def _setting_columns(network: ScoredVariant | None) -> dict[str, object]:
    if network is None:
        return dict.fromkeys(("recipe", "attention", "scope", "labels", "criterion"))
    first = network.configuration
    return {
        "recipe": network.recipe,
        "attention": first.attention,
        "scope": first.scope if len(network.configurations) == 1 else None,
        "labels": first.labels,
        "criterion": first.criterion,
    }
