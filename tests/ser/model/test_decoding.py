"""How frame outputs become one emotion, against plain Python."""

from collections import Counter
from itertools import groupby

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ser.model.decoding import best_path_votes, decode, posterior_scores
from ser.model.losses import emotion_log_likelihoods

CLASSES = 3


def random_outputs(seed: int, lengths: list[int], spread: float = 2.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    values = spread * torch.randn(len(lengths), max(lengths), CLASSES + 1, generator=generator)
    return values.log_softmax(-1), torch.tensor(lengths)


def plain_votes(log_probabilities: Tensor, length: int) -> list[int]:
    path = [row.index(max(row)) for row in log_probabilities[:length].tolist()]
    counted = Counter(label for label, _ in groupby(path) if label != 0)
    return [counted[emotion + 1] for emotion in range(CLASSES)]


def plain_posterior(log_probabilities: Tensor, length: int) -> list[float]:
    sums = log_probabilities[:length].double().exp()[:, 1:].sum(dim=0)
    return list((sums / sums.sum()).tolist())


def outputs_of(paths: list[list[int]], shades: list[list[float]] | None = None) -> tuple[Tensor, Tensor]:
    """Log-probabilities whose best paths are given; `shades` raises the emotions' outputs in all frames."""
    lengths = [len(path) for path in paths]
    logits = torch.zeros(len(paths), max(lengths), CLASSES + 1)
    for row, path in enumerate(paths):
        if shades is not None:
            logits[row, :, 1:] = torch.tensor(shades[row])
        for t, label in enumerate(path):
            logits[row, t, label] += 3
    return logits.log_softmax(-1), torch.tensor(lengths)


ragged = st.lists(st.integers(1, 15), min_size=1, max_size=5)


@given(seed=st.integers(0, 10_000), lengths=ragged)
@settings(deadline=None)
def test_votes_equal_a_plain_collapse_of_the_best_path(seed: int, lengths: list[int]) -> None:
    log_probabilities, valid = random_outputs(seed, lengths)
    expected = [plain_votes(log_probabilities[row], length) for row, length in enumerate(lengths)]
    assert best_path_votes(log_probabilities, valid).tolist() == expected


def test_repeats_count_once_unless_a_blank_stands_between() -> None:
    log_probabilities, lengths = outputs_of([[1, 1, 0, 1, 2, 2, 3, 3, 3], [0, 0, 0], [2]])
    assert best_path_votes(log_probabilities, lengths).tolist() == [[2, 1, 1], [0, 0, 0], [0, 1, 0]]


@given(seed=st.integers(0, 10_000), lengths=ragged)
@settings(deadline=None)
def test_the_best_path_decides_by_votes_and_ties_by_posterior(seed: int, lengths: list[int]) -> None:
    log_probabilities, valid = random_outputs(seed, lengths)
    decided = decode(log_probabilities, valid, torch.ones_like(valid), "best_path")
    for row, length in enumerate(lengths):
        votes, posterior = plain_votes(log_probabilities[row], length), plain_posterior(log_probabilities[row], length)
        tied = [emotion for emotion in range(CLASSES) if votes[emotion] == max(votes)]
        assert int(decided.emotions[row]) == max(tied, key=lambda emotion: posterior[emotion])
        assert bool(decided.fell_back[row]) == (len(tied) > 1)


def test_ties_go_to_the_tied_emotion_of_largest_posterior() -> None:
    # Emotions 0 and 1 have two votes each; emotion 2 has none, but is near in every frame.
    log_probabilities, lengths = outputs_of([[1, 2, 1, 2]], [[0.0, 0.1, 2.5]])
    posterior = plain_posterior(log_probabilities[0], 4)
    assert max(posterior) == posterior[2]
    decided = decode(log_probabilities, lengths, lengths, "best_path")
    assert decided.emotions.tolist() == [1]
    assert decided.fell_back.tolist() == [True]
    tied = posterior[0] + posterior[1]
    assert decided.scores[0].tolist() == pytest.approx([posterior[0] / tied, posterior[1] / tied, 0], abs=1e-6)


def test_an_empty_path_is_decided_by_the_posterior() -> None:
    log_probabilities, lengths = outputs_of([[0, 0, 0], [0, 3, 0]], [[0.0, 0.5, 0.2], [0.5, 0.0, 0.0]])
    decided = decode(log_probabilities, lengths, lengths, "best_path")
    assert decided.emotions.tolist() == [1, 2]
    assert decided.fell_back.tolist() == [True, False]
    assert decided.scores[0].tolist() == pytest.approx(plain_posterior(log_probabilities[0], 3), abs=1e-6)
    assert decided.scores[1].tolist() == [0, 0, 1]


def test_votes_become_shares() -> None:
    log_probabilities, lengths = outputs_of([[1, 2, 1, 3, 1]])
    assert decode(log_probabilities, lengths, lengths, "best_path").scores[0].tolist() == pytest.approx([0.6, 0.2, 0.2])


@given(seed=st.integers(0, 10_000), lengths=ragged)
@settings(deadline=None)
def test_the_posterior_is_the_sum_over_valid_frames(seed: int, lengths: list[int]) -> None:
    log_probabilities, valid = random_outputs(seed, lengths)
    decided = decode(log_probabilities, valid, valid, "posterior")
    for row, length in enumerate(lengths):
        expected = plain_posterior(log_probabilities[row], length)
        assert decided.scores[row].tolist() == pytest.approx(expected, abs=1e-6)
        assert int(decided.emotions[row]) == expected.index(max(expected))
    assert not decided.fell_back.any()


def test_a_certain_blank_still_leaves_a_posterior() -> None:
    logits = torch.tensor([[[0.0, -400.0, -399.0, -405.0]] * 3])
    log_probabilities, lengths = logits.log_softmax(-1), torch.tensor([3])
    assert log_probabilities.exp()[:, :, 1:].sum() == 0
    expected = torch.tensor([[-400.0, -399.0, -405.0]]).softmax(-1)
    torch.testing.assert_close(posterior_scores(log_probabilities, lengths), expected)
    decided = decode(log_probabilities, lengths, lengths, "best_path")
    assert decided.emotions.tolist() == [1]
    torch.testing.assert_close(decided.scores, expected)


@given(seed=st.integers(0, 10_000), lengths=ragged)
@settings(deadline=None)
def test_the_likelihood_decides_by_the_best_repeated_sequence(seed: int, lengths: list[int]) -> None:
    log_probabilities, valid = random_outputs(seed, lengths)
    counts = (valid + 1) // 2
    decided = decode(log_probabilities, valid, counts, "likelihood")
    likelihoods = emotion_log_likelihoods(log_probabilities, valid, counts)
    assert decided.emotions.tolist() == [row.index(max(row)) for row in likelihoods.tolist()]
    torch.testing.assert_close(decided.scores, likelihoods.softmax(-1))
    assert not decided.fell_back.any()


def test_the_likelihood_looks_at_the_number_of_labels() -> None:
    # Emotion 0 is heard once, in the middle; emotion 1 twice, before and after: which fits depends on N.
    outside, middle = [0.45, 0.10, 0.45, 1e-6], [0.10, 0.85, 0.05, 1e-6]
    log_probabilities, lengths = torch.tensor([[outside, middle, outside]]).log(), torch.tensor([3])
    once, twice = (decode(log_probabilities, lengths, torch.tensor([n]), "likelihood") for n in (1, 2))
    assert (once.emotions.tolist(), twice.emotions.tolist()) == ([0], [1])


@pytest.mark.parametrize("decision", ["posterior", "best_path", "likelihood"])
@given(seed=st.integers(0, 10_000), lengths=ragged)
@settings(deadline=None)
def test_scores_sum_to_one_and_the_largest_is_the_decision(decision: str, seed: int, lengths: list[int]) -> None:
    log_probabilities, valid = random_outputs(seed, lengths)
    decided = decode(log_probabilities, valid, (valid + 1) // 2, decision)  # type: ignore[arg-type]
    torch.testing.assert_close(decided.scores.sum(dim=-1), torch.ones(len(lengths)))
    assert (decided.scores >= 0).all()
    assert decided.scores.argmax(dim=-1).tolist() == decided.emotions.tolist()


def test_a_single_output_decides_by_its_probabilities() -> None:
    log_probabilities = torch.tensor([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]]).log()
    lengths = torch.ones(2, dtype=torch.int64)
    decided = decode(log_probabilities, lengths, lengths, None)
    assert decided.emotions.tolist() == [1, 0]
    torch.testing.assert_close(decided.scores, log_probabilities.exp())
    assert not decided.fell_back.any()
