"""One rule of choice: by validation, then by simplicity, whatever the test scores."""

from dataclasses import replace

from tests.support.scored_trials import World, configuration, study_table, table_of, trial, with_more
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.variants.choice import Candidate, choose, choose_variant

WORLD = World(per_speaker=8)


def test_the_highest_validation_ua_over_seeds_is_chosen():
    settings = configuration("none"), configuration("quantum")
    uas = ([0.7, 0.5], [0.61, 0.61])
    assert choose([Candidate.of(*pair) for pair in zip(settings, uas, strict=True)]) == 1


def test_of_equal_variants_the_simpler_one_is_chosen():
    settings = [configuration("quantum"), configuration("component", scope=9), configuration("component", scope=5)]
    candidates = [Candidate.of(configuration, [0.6]) for configuration in settings]
    assert choose(candidates) == 2
    # Means that differ by the order of their sums are equal.
    assert choose([replace(candidates[0], validation_ua=0.6 + 1e-15), *candidates[1:]]) == 2


def test_a_report_chooses_by_validation_and_not_by_test():
    analysis = analyse(study_table(WORLD))
    chosen = choose_variant(analysis.variants)
    fixed = [variant for variant in analysis.variants if variant.chosen is None]
    assert chosen.validation_ua == max(variant.validation_ua for variant in fixed)
    assert chosen is not max(fixed, key=lambda variant: variant.scores.ua.mean)


def test_an_incomplete_variant_is_not_chosen():
    partial = trial(WORLD, configuration("quantum", labels="utterance"), 0.95, folds=[0])
    assert choose_variant(analyse(table_of(partial)).variants) is None
    analysis = analyse(with_more(table_of(trial(WORLD, configuration(), 0.4)), partial))
    assert choose_variant(analysis.variants).label == "none · phonemes"
