"""Quantum attention against its equations, with states as they are and of length 1."""

from math import sqrt, tanh

import pytest
import torch

from ser.config import QuantumBoundary, QuantumStates
from ser.model.attention import QuantumAttention
from ser.model.attention.quantum import bounded_denominator
from tests.support.attention_outputs import LENGTHS, Frames, assert_equals_loops, blstm_outputs
from tests.support.quantum_gradients import draw_has_finite_gradients, network_has_finite_gradients


def quantum_weights(c: Frames, boundary: str, states: str) -> list[float]:
    """Eq. 6-7 with the bounded denominator, for the states as they are or of length 1."""
    T, half = len(c), len(c[0]) // 2
    if boundary == "frames":
        pre, post, measured = c[0], c[T - 1], c
    else:
        pre, post = c[T - 1][:half], c[0][half:]
        measured = [[(frame[f] + frame[half + f]) / 2 for f in range(half)] for frame in c]

    def dot(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    def unit(a: list[float]) -> list[float]:
        length = max(sqrt(dot(a, a)), 1e-8)
        return [x / length for x in a]

    least = max(1e-3 * sqrt(dot(pre, pre)) * sqrt(dot(post, post)), 1e-8)
    if states == "unit":
        pre, post, measured, least = unit(pre), unit(post), [unit(m) for m in measured], 1e-3
    d = dot(post, pre)
    denominator = max(abs(d), least) * (-1 if d < 0 else 1)
    return [tanh(dot(post, m) * dot(m, pre) / denominator) for m in measured]


BOUNDARIES: list[QuantumBoundary] = ["frames", "states"]
STATES: list[QuantumStates] = ["raw", "unit"]


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("states", STATES)
@pytest.mark.parametrize("seed", range(6))
def test_quantum_attention_equals_its_equations(boundary: QuantumBoundary, states: QuantumStates, seed: int) -> None:
    C, lengths = blstm_outputs(seed)
    attention = QuantumAttention(boundary, states)
    references = []
    for row, T in enumerate(LENGTHS):
        c = C[row, :T].tolist()
        alpha = quantum_weights(c, boundary, states)
        references.append([[alpha[t] * value for value in c[t]] for t in range(T)])
    assert_equals_loops(attention(C, lengths), references)
    assert list(attention.parameters()) == []


def test_the_seeds_above_meet_denominators_of_both_signs() -> None:
    signs = set()
    for seed in range(6):
        C, _ = blstm_outputs(seed)
        signs |= {float((C[row, 0] @ C[row, T - 1]).sign()) for row, T in enumerate(LENGTHS)}
    assert signs == {-1.0, 1.0}


def test_the_score_of_the_first_frame_is_its_squared_norm() -> None:
    C, lengths = blstm_outputs(seed=2)
    alpha = QuantumAttention("frames", "raw").weights(C, lengths)
    for row, T in enumerate(LENGTHS):
        product, bound = C[row, 0] @ C[row, T - 1], 1e-3 * C[row, 0].norm() * C[row, T - 1].norm()
        assert product.abs() > bound, "this draw must not need the bound"
        torch.testing.assert_close(alpha[row, 0], (C[row, 0] @ C[row, 0]).tanh())


@pytest.mark.parametrize(
    ("pre", "post", "expected"),
    [
        ([2.0, 0.0], [3.0, 4.0], 6.0),
        ([-2.0, 0.0], [3.0, 4.0], -6.0),
        ([1.0, 0.0], [1e-4, 1.0], 1e-3 * sqrt(1 + 1e-8)),
        ([1.0, 0.0], [-1e-4, 1.0], -1e-3 * sqrt(1 + 1e-8)),
        ([1.0, 0.0], [0.0, 2.0], 2e-3),
        ([-1.0, 0.0], [0.0, 2.0], 2e-3),
        ([0.0, 0.0], [0.0, 0.0], 1e-8),
        ([1e-5, 0.0], [-1e-5, 0.0], -1e-8),
    ],
)
def test_denominators_are_kept_away_from_zero_with_their_sign(
    pre: list[float], post: list[float], expected: float
) -> None:
    states = torch.tensor([[pre], [post]], dtype=torch.float64)
    assert bounded_denominator(*states, "raw").tolist() == pytest.approx([expected], rel=1e-12)


@pytest.mark.parametrize(
    ("cosine", "expected"), [(0.5, 0.5), (-0.5, -0.5), (1e-4, 1e-3), (-1e-4, -1e-3), (0.0, 1e-3), (-0.0, 1e-3)]
)
def test_unit_states_bound_the_denominator_at_a_thousandth(cosine: float, expected: float) -> None:
    pre, post = torch.tensor([[1.0, 0.0]]), torch.tensor([[cosine, sqrt(1 - cosine**2)]])
    assert bounded_denominator(pre, post, "unit").tolist() == pytest.approx([expected])


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_unit_weights_do_not_depend_on_the_states_lengths(boundary: QuantumBoundary) -> None:
    C, lengths = blstm_outputs(seed=3)
    attention = QuantumAttention(boundary, "unit")
    torch.testing.assert_close(attention.weights(1e-3 * C, lengths), attention.weights(C, lengths))


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("states", STATES)
def test_quantum_gradients_are_finite_on_a_thousand_draws(boundary: QuantumBoundary, states: QuantumStates) -> None:
    assert all(draw_has_finite_gradients(boundary, states, seed) for seed in range(10))
    assert all(network_has_finite_gradients(boundary, states, seed) for seed in range(5))


@pytest.mark.parametrize("states", STATES)
def test_orthogonal_boundaries_give_finite_weights_and_gradients(states: QuantumStates) -> None:
    C = torch.zeros(2, 3, 4)
    C[0, 0, 0], C[0, 1, :2], C[0, 2, 1] = 0.5, 0.5, 0.5
    C.requires_grad_()
    U = QuantumAttention("frames", states)(C, torch.tensor([3, 2]))
    U.sum().backward()
    assert U[0, 1, 0].item() == pytest.approx(0.5), "a tiny denominator saturates the weight"
    assert C.grad is not None
    assert C.grad.isfinite().all()


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_observed_shares_of_quantum_weights_equal_counts(boundary: QuantumBoundary) -> None:
    C, lengths = blstm_outputs(seed=1)
    C = 3 * C
    attention = QuantumAttention(boundary, "raw")
    observed = attention.statistics(C, lengths)
    assert attention.final_statistics(C, lengths) == observed
    alphas = [alpha for row, T in enumerate(LENGTHS) for alpha in quantum_weights(C[row, :T].tolist(), boundary, "raw")]
    negative, saturated = sum(a < 0 for a in alphas), sum(abs(a) > 0.99 for a in alphas)
    assert {name: int(value) for name, value in observed.items()} == {
        "negative_weight_share": negative,
        "saturated_weight_share": saturated,
    }
    assert 0 < negative < len(alphas)
    assert 0 < saturated < len(alphas)
