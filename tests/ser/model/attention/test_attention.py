"""Every attention against its equations, written out as loops over frames, components and windows.

The references below use Python floats and nothing of the code under test. Indices are those of the
paper: t the frame, f the component, i the place in the window, h the half of the scope.
"""

from math import exp, sqrt, tanh

import pytest
import torch
from torch import Tensor

from ser.errors import ConfigurationError
from ser.model.attention import ComponentAttention, LocalAttention, NoAttention, QuantumAttention, make_attention
from ser.model.attention.component import DenseScore, WindowScore
from ser.model.attention.quantum import bounded_denominator
from tests.support.toy_corpus import READINGS, small

Frames = list[list[float]]

FEATURES = 4
LENGTHS = [13, 1, 2, 6]
SCOPES = [1, 3, 9, 21]
NORMS = ["window", "literal"]


def blstm_outputs(seed: int = 0) -> tuple[Tensor, Tensor]:
    """C in -1..1 as out of a BLSTM, float64, zero in padded frames, some utterances shorter than a scope."""
    torch.manual_seed(seed)
    C = torch.rand(len(LENGTHS), max(LENGTHS), FEATURES, dtype=torch.float64) * 2 - 1
    for row, length in enumerate(LENGTHS):
        C[row, length:] = 0
    return C, torch.tensor(LENGTHS)


def window(t: int, h: int, T: int) -> range:
    """Frames of the window of t that exist."""
    return range(max(0, t - h), min(T - 1, t + h) + 1)


def annotate(e: Frames, C: Frames, h: int, norm: str) -> Frames:
    """Eq. 4-5: U from scores e_(t,f)."""
    T, F = len(C), len(C[0])
    U = [[0.0] * F for _ in range(T)]
    for t in range(T):
        for f in range(F):
            for j in window(t, h, T):
                center = t if norm == "window" else j
                alpha = exp(e[j][f]) / sum(exp(e[k][f]) for k in window(center, h, T))
                U[t][f] += alpha * C[j][f]
    return U


def assert_equals_loops(U: Tensor, references: list[Frames]) -> None:
    for row, reference in enumerate(references):
        torch.testing.assert_close(
            U[row, : len(reference)], torch.tensor(reference, dtype=torch.float64), atol=1e-12, rtol=0
        )


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scope", SCOPES)
def test_local_attention_equals_its_equations(scope: int, norm: str) -> None:
    C, lengths = blstm_outputs()
    attention = LocalAttention(FEATURES, scope, norm).double()  # type: ignore[arg-type]
    w, b = attention.score.weight[0].tolist(), attention.score.bias.item()
    references = []
    for row, T in enumerate(LENGTHS):
        c = C[row, :T].tolist()
        e = [[tanh(sum(w[f] * c[t][f] for f in range(FEATURES)) + b)] * FEATURES for t in range(T)]
        references.append(annotate(e, c, (scope - 1) // 2, norm))
    assert_equals_loops(attention(C, lengths), references)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scope", SCOPES)
def test_component_attention_with_dense_scores_equals_eq_4_5(scope: int, norm: str) -> None:
    C, lengths = blstm_outputs()
    attention = ComponentAttention(FEATURES, scope, "dense", norm).double()  # type: ignore[arg-type]
    assert isinstance(attention.score, DenseScore)
    W, b = attention.score.score.weight.tolist(), attention.score.score.bias.tolist()
    references = []
    for row, T in enumerate(LENGTHS):
        c = C[row, :T].tolist()
        e = [[tanh(sum(W[f][g] * c[t][g] for g in range(FEATURES)) + b[f]) for f in range(FEATURES)] for t in range(T)]
        references.append(annotate(e, c, (scope - 1) // 2, norm))
    assert_equals_loops(attention(C, lengths), references)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scope", SCOPES)
def test_component_attention_with_window_scores_equals_eq_4_5(scope: int, norm: str) -> None:
    C, lengths = blstm_outputs()
    attention = ComponentAttention(FEATURES, scope, "window", norm).double()  # type: ignore[arg-type]
    assert isinstance(attention.score, WindowScore)
    assert attention.score.score.weight.shape == (FEATURES, 1, scope)
    W, b = attention.score.score.weight[:, 0].tolist(), attention.score.score.bias.tolist()  # type: ignore[union-attr]
    h = (scope - 1) // 2
    references = []
    for row, T in enumerate(LENGTHS):
        c = C[row, :T].tolist()
        e = [[0.0] * FEATURES for _ in range(T)]
        for t in range(T):
            for f in range(FEATURES):
                heard = sum(W[f][i + h] * c[t + i][f] for i in range(-h, h + 1) if 0 <= t + i < T)
                e[t][f] = tanh(heard + b[f])
        references.append(annotate(e, c, h, norm))
    assert_equals_loops(attention(C, lengths), references)


def quantum_weights(c: Frames, boundary: str) -> list[float]:
    """Eq. 6-7 with the bounded denominator."""
    T, half = len(c), len(c[0]) // 2
    if boundary == "frames":
        pre, post, measured = c[0], c[T - 1], c
    else:
        pre, post = c[T - 1][:half], c[0][half:]
        measured = [[(frame[f] + frame[half + f]) / 2 for f in range(half)] for frame in c]

    def dot(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    d = dot(post, pre)
    least = max(1e-3 * sqrt(dot(pre, pre)) * sqrt(dot(post, post)), 1e-8)
    denominator = max(abs(d), least) * (-1 if d < 0 else 1)
    return [tanh(dot(post, m) * dot(m, pre) / denominator) for m in measured]


@pytest.mark.parametrize("boundary", ["frames", "states"])
@pytest.mark.parametrize("seed", range(6))
def test_quantum_attention_equals_its_equations(boundary: str, seed: int) -> None:
    C, lengths = blstm_outputs(seed)
    attention = QuantumAttention(boundary)  # type: ignore[arg-type]
    references = []
    for row, T in enumerate(LENGTHS):
        c = C[row, :T].tolist()
        alpha = quantum_weights(c, boundary)
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
    alpha = QuantumAttention("frames").weights(C, lengths)
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
    bounded = bounded_denominator(torch.tensor([pre], dtype=torch.float64), torch.tensor([post], dtype=torch.float64))
    assert bounded.tolist() == pytest.approx([expected], rel=1e-12)


def test_orthogonal_boundaries_give_finite_weights_and_gradients() -> None:
    C = torch.zeros(2, 3, 4)
    C[0, 0, 0], C[0, 1, :2], C[0, 2, 1] = 0.5, 0.5, 0.5
    C.requires_grad_()
    U = QuantumAttention("frames")(C, torch.tensor([3, 2]))
    U.sum().backward()
    assert U[0, 1, 0].item() == pytest.approx(0.5), "a tiny denominator saturates the weight"
    assert C.grad is not None
    assert C.grad.isfinite().all()


@pytest.mark.parametrize("boundary", ["frames", "states"])
def test_observed_shares_of_quantum_weights_equal_counts(boundary: str) -> None:
    C, lengths = blstm_outputs(seed=1)
    C = 3 * C
    observed = QuantumAttention(boundary).statistics(C, lengths)  # type: ignore[arg-type]
    alphas = [alpha for row, T in enumerate(LENGTHS) for alpha in quantum_weights(C[row, :T].tolist(), boundary)]
    negative, saturated = sum(a < 0 for a in alphas), sum(abs(a) > 0.99 for a in alphas)
    assert {name: int(value) for name, value in observed.items()} == {
        "negative_weight_share": negative,
        "saturated_weight_share": saturated,
    }
    assert 0 < negative < len(alphas)
    assert 0 < saturated < len(alphas)


def test_no_attention_hands_on_what_it_gets() -> None:
    C, lengths = blstm_outputs()
    assert NoAttention()(C, lengths) is C
    assert NoAttention().statistics(C, lengths) == {}


@pytest.mark.parametrize("name", READINGS)
def test_each_configuration_makes_the_attention_it_names(name: str) -> None:
    configuration = small(**READINGS[name], scope=5)
    attention = make_attention(configuration)
    kinds = {"none": NoAttention, "local": LocalAttention, "component": ComponentAttention, "quantum": QuantumAttention}
    assert type(attention) is kinds[configuration.attention]
    if isinstance(attention, LocalAttention | ComponentAttention):
        assert (attention.scope, attention.norm) == (5, configuration.attention_norm)
    if isinstance(attention, ComponentAttention):
        assert isinstance(attention.score, DenseScore if configuration.component_score == "dense" else WindowScore)
    if isinstance(attention, QuantumAttention):
        assert attention.boundary == configuration.quantum_boundary


def test_a_configuration_without_its_setting_is_refused() -> None:
    unchecked = small(attention="local").model_copy(update={"scope": None})
    with pytest.raises(ConfigurationError, match="attention local lacks a setting"):
        make_attention(unchecked)


@pytest.mark.parametrize("name", [name for name in READINGS if name.startswith(("local", "component"))])
def test_a_window_of_one_frame_is_no_attention(name: str) -> None:
    C, lengths = blstm_outputs()
    attention = make_attention(small(**READINGS[name], scope=1, cells=FEATURES // 2)).double()
    torch.testing.assert_close(attention(C, lengths), C, atol=1e-14, rtol=0)
