"""Every attention against its equations, written out as loops over frames, components and windows.

The references below use Python floats and nothing of the code under test. Indices are those of the
paper: t the frame, f the component, i the place in the window, h the half of the scope.
"""

from math import exp, log, tanh

import pytest
import torch

from ser.errors import ConfigurationError
from ser.model.attention import ComponentAttention, LocalAttention, NoAttention, QuantumAttention, make_attention
from ser.model.attention.component import DenseScore, WindowScore
from ser.model.attention.windowed import relative_entropies
from tests.support.attention_outputs import FEATURES, LENGTHS, Frames, assert_equals_loops, blstm_outputs
from tests.support.toy_corpus import READINGS, small

SCOPES = [1, 3, 9, 21]
NORMS = ["window", "literal"]


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


def test_no_attention_hands_on_what_it_gets() -> None:
    C, lengths = blstm_outputs()
    assert NoAttention()(C, lengths) is C
    assert NoAttention().statistics(C, lengths) == NoAttention().final_statistics(C, lengths) == {}


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
        assert attention.states == configuration.quantum_states


def test_a_configuration_without_its_setting_is_refused() -> None:
    unchecked = small(attention="local").model_copy(update={"scope": None})
    with pytest.raises(ConfigurationError, match="attention local lacks a setting"):
        make_attention(unchecked)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["local", "component"])
def test_the_entropy_of_weights_equals_its_definition(kind: str, scope: int, norm: str) -> None:
    C, lengths = blstm_outputs()
    e = 3 * C.sum(dim=2, keepdim=True).tanh() if kind == "local" else 3 * C
    entropies = relative_entropies(e, lengths, scope, norm)  # type: ignore[arg-type]
    h = (scope - 1) // 2
    for row, T in enumerate(LENGTHS):
        for t in range(T):
            expected = []
            for f in range(e.shape[2]):
                frames = window(t, h, T)
                centers = {j: t if norm == "window" else j for j in frames}
                alpha = [exp(e[row, j, f]) / sum(exp(e[row, k, f]) for k in window(centers[j], h, T)) for j in frames]
                p = [weight / sum(alpha) for weight in alpha]
                expected.append(1.0 if len(p) == 1 else -sum(q * log(q) for q in p) / log(len(p)))
            assert entropies[row, t].item() == pytest.approx(sum(expected) / len(expected), abs=1e-12)
        assert entropies[row, T:].eq(0).all()


@pytest.mark.parametrize("kind", ["local", "component"])
def test_equal_weights_have_all_the_entropy(kind: str) -> None:
    C, lengths = blstm_outputs()
    attention = make_attention(small(**READINGS[f"{kind}-{'dense-' if kind == 'component' else ''}window"], scope=5))
    for parameter in attention.parameters():
        torch.nn.init.zeros_(parameter)
    (entropy,) = attention.final_statistics(torch.cat([C, C], dim=2).float(), lengths).values()
    assert entropy.item() == pytest.approx(sum(LENGTHS))


@pytest.mark.parametrize("name", [name for name in READINGS if name.startswith(("local", "component"))])
def test_a_window_of_one_frame_is_no_attention(name: str) -> None:
    C, lengths = blstm_outputs()
    attention = make_attention(small(**READINGS[name], scope=1, cells=FEATURES // 2)).double()
    torch.testing.assert_close(attention(C, lengths), C, atol=1e-14, rtol=0)
