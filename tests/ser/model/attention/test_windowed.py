"""Sliding sums and window averages, with their gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ser.config import AttentionNorm
from ser.model.attention import windowed
from ser.model.attention.windowed import sliding_sum, window_average
from ser.model.blstm import frame_mask


@given(scope=st.integers(0, 14).map(lambda half: 2 * half + 1), frames=st.integers(1, 40), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_sliding_sums_equal_sums_over_slices(scope: int, frames: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(2, frames, 3, dtype=torch.float64, generator=generator)
    half = (scope - 1) // 2
    expected = torch.stack([values[:, max(0, t - half) : t + half + 1].sum(dim=1) for t in range(frames)], dim=1)
    torch.testing.assert_close(sliding_sum(values, scope), expected, atol=1e-12, rtol=0)


def test_sliding_sum_leaves_its_input_alone() -> None:
    values = torch.ones(1, 4, 1)
    sliding_sum(values, 5)
    assert values.eq(1).all()


@pytest.mark.parametrize("scope", [1, 3, 5, 7, 9, 11, 15, 21])
def test_gradient_of_the_sliding_sum(scope: int) -> None:
    values = torch.randn(2, 12, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: sliding_sum(v, scope), (values,))


@pytest.mark.parametrize("norm", ["window", "literal"])
@pytest.mark.parametrize("scope", [1, 3, 9])
@pytest.mark.parametrize("score_features", [1, 3])
def test_gradient_of_the_window_average(norm: AttentionNorm, scope: int, score_features: int) -> None:
    torch.manual_seed(0)
    lengths = torch.tensor([7, 2, 1])
    valid = frame_mask(lengths, 7)[:, :, None]
    scores = torch.randn(3, 7, score_features, dtype=torch.float64).tanh().requires_grad_()
    C = (torch.randn(3, 7, 3, dtype=torch.float64) * valid).requires_grad_()
    assert torch.autograd.gradcheck(lambda e, c: window_average(e, c, lengths, scope, norm) * valid, (scores, C))


@pytest.mark.parametrize("norm", ["window", "literal"])
@pytest.mark.parametrize("score_features", [1, 64])
def test_utterances_taken_in_groups_give_the_same_bits(
    norm: AttentionNorm, score_features: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(2)
    lengths = torch.tensor([61, 40, 57, 3, 61])
    valid = frame_mask(lengths, 61)[:, :, None]
    scores, outputs = torch.randn(5, 61, score_features).tanh(), torch.randn(5, 61, 64) * valid
    weights = torch.randn(5, 61, 64)

    def found(numbers: int) -> list[torch.Tensor]:
        monkeypatch.setattr(windowed, "_CACHED_NUMBERS", numbers)
        given = (scores.clone().requires_grad_(), outputs.clone().requires_grad_())
        averages = window_average(*given, lengths, 9, norm)
        (averages * weights).sum().backward()  # type: ignore[no-untyped-call]
        return [averages, *(each.grad for each in given if each.grad is not None)]

    whole = found(5 * 61 * 64)
    assert len(whole) == 3
    for numbers in (1, 2 * 61 * 64):
        assert all(torch.equal(*pair) for pair in zip(found(numbers), whole, strict=True))


@pytest.mark.parametrize("norm", ["window", "literal"])
def test_gradients_stay_finite_in_long_padding(norm: AttentionNorm) -> None:
    lengths = torch.tensor([2, 40])
    scores = torch.zeros(2, 40, 1, requires_grad=True)
    C = (torch.randn(2, 40, 3) * frame_mask(lengths, 40)[:, :, None]).requires_grad_()
    window_average(scores, C, lengths, 3, norm).sum().backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert C.grad is not None
    assert scores.grad.isfinite().all()
    assert C.grad.isfinite().all()


def test_with_the_window_norm_the_weights_of_a_frame_sum_to_one() -> None:
    lengths = torch.tensor([6, 3])
    ones = torch.ones(2, 6, 2, dtype=torch.float64) * frame_mask(lengths, 6)[:, :, None]
    scores = torch.randn(2, 6, 2, dtype=torch.float64).tanh()
    averaged = window_average(scores, ones, lengths, 5, "window")
    torch.testing.assert_close(averaged * ones, ones, atol=1e-14, rtol=0)


def test_with_the_literal_norm_they_need_not() -> None:
    lengths = torch.tensor([6])
    ones = torch.ones(1, 6, 1, dtype=torch.float64)
    scores = torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0, 1.0], dtype=torch.float64)[None, :, None]
    assert (window_average(scores, ones, lengths, 3, "literal") - 1).abs().max() > 0.1
