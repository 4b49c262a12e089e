"""Target lengths: strategies, caps and reports."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ser.config import LabelStrategy
from ser.corpora.corpus import Utterance
from ser.corpora.loading import load_corpus
from ser.errors import ConfigurationError
from ser.results import TargetReport
from ser.training.targets import available_strategies, ctc_target_lengths, exceeds_cap_limit


def said(words: int | None = 4, voiced: int | None = 9, name: str = "u1") -> Utterance:
    return Utterance(name, Path("u.wav"), "s", "anger", words=words, voiced_phonemes=voiced)


@pytest.mark.parametrize(
    ("strategy", "expected"), [("words", 4), ("phonemes", 9), ("phonemes_x2", 18), ("utterance", 1)]
)
def test_each_strategy_counts_what_it_names(strategy: LabelStrategy, expected: int) -> None:
    lengths, report = ctc_target_lengths([said()], strategy, [100])
    assert lengths == (expected,)
    assert report == TargetReport(utterances=1, capped=0, raised=0)


@pytest.mark.parametrize("strategy", ["words", "phonemes", "phonemes_x2"])
def test_a_count_of_zero_becomes_one_and_is_counted(strategy: LabelStrategy) -> None:
    lengths, report = ctc_target_lengths([said(0, 0), said()], strategy, [1, 100])
    assert lengths[0] == 1
    assert report == TargetReport(utterances=2, capped=0, raised=1)


@pytest.mark.parametrize(("frames", "expected", "capped"), [(1, 1, 1), (2, 1, 1), (6, 3, 1), (7, 4, 0), (8, 4, 0)])
def test_a_target_is_capped_where_blanks_leave_no_room(frames: int, expected: int, capped: int) -> None:
    lengths, report = ctc_target_lengths([said(words=4)], "words", [frames])
    assert lengths == (expected,)
    assert report.capped == capped


@given(count=st.integers(0, 60), frames=st.integers(1, 120))
def test_the_cap_is_the_longest_target_that_ctc_can_emit(count: int, frames: int) -> None:
    (length,), _ = ctc_target_lengths([said(words=count)], "words", [frames])

    def loss(target: int) -> float:
        uniform, labels = torch.full((frames, 1, 2), -0.6931), torch.ones(1, target, dtype=torch.int64)
        return float(torch.nn.functional.ctc_loss(uniform, labels, torch.tensor([frames]), torch.tensor([target])))

    assert 1 <= length <= max(count, 1)
    assert loss(length) < float("inf")
    if length < count:
        assert loss(length + 1) == float("inf")


def test_a_missing_count_names_utterance_and_strategy() -> None:
    utterances = [said(), said(voiced=None, name="u2")]
    with pytest.raises(ConfigurationError) as caught:
        ctc_target_lengths(utterances, "phonemes_x2", [50, 50])
    assert str(caught.value) == (
        "utterance u2 has no count for label strategy 'phonemes_x2'; the corpus offers: words, utterance"
    )


def test_offered_strategies_need_a_count_for_every_utterance() -> None:
    both = said()
    assert available_strategies([both]) == ("words", "phonemes", "phonemes_x2", "utterance")
    assert available_strategies([both, replace(both, words=None)]) == ("phonemes", "phonemes_x2", "utterance")
    assert available_strategies([said(None, None)]) == ("utterance",)


@pytest.mark.parametrize(
    ("utterances", "capped", "expected"),
    [(100, 1, False), (100, 2, True), (535, 5, False), (535, 6, True), (3, 0, False), (3, 1, True)],
)
def test_more_than_one_percent_capped_is_not_comparable(utterances: int, capped: int, expected: bool) -> None:
    assert exceeds_cap_limit(TargetReport(utterances=utterances, capped=capped)) is expected


def test_emodb_targets_fit_at_10_ms_and_many_do_not_at_30_ms(emodb_root: Path) -> None:
    corpus = load_corpus("emodb", emodb_root)
    frames = [1 + round(duration * 16_000) // 160 for duration in corpus.durations_s]
    capped = {
        (strategy, stack): ctc_target_lengths(corpus.utterances, strategy, [-(-count // stack) for count in frames])[
            1
        ].capped
        for strategy in ("words", "phonemes", "phonemes_x2")
        for stack in (1, 2, 3)
    }
    assert {point: count for point, count in capped.items() if count} == {
        ("phonemes_x2", 2): 28,
        ("phonemes_x2", 3): 347,
    }
