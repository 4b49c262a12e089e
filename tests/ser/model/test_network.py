"""The whole network: shapes, and that neither padding nor mates in a batch change a result."""

import pytest
import torch
from torch import Tensor

from ser.model.network import SpeechEmotionNetwork
from ser.training.evaluation import utterance_losses
from tests.support.toy_corpus import MEL, READINGS, small

EMOTIONS = 3
CRITERIA = ["ctc", "cross_entropy", "joint"]
PRECISIONS = [(torch.float32, 1e-6, 1e-5), (torch.float64, 1e-12, 1e-10)]
OWN = [11, 1, 6]
"""Lengths of the utterances that are run alone and among others."""


def network_of(name: str, criterion: str, dtype: torch.dtype) -> SpeechEmotionNetwork:
    torch.manual_seed(4)
    return SpeechEmotionNetwork(small(**READINGS[name], criterion=criterion, scope=5), EMOTIONS).to(dtype)


def batches(dtype: torch.dtype, own: int, padding: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """An utterance alone, and the same as row 1 between a shorter and a much longer one; `padding` fills the rest."""
    torch.manual_seed(own)
    alone = torch.randn(1, own, MEL, dtype=dtype)
    lengths = torch.tensor([3, own, 40])
    padded = torch.full((3, 40, MEL), padding, dtype=dtype)
    padded[0, :3], padded[1, :own], padded[2] = torch.randn(3, MEL), alone[0], torch.randn(40, MEL)
    return alone, torch.tensor([own]), padded, lengths


@pytest.mark.parametrize("dtype_and_tolerances", PRECISIONS, ids=["float32", "float64"])
@pytest.mark.parametrize("padding", [0.0, 1000.0], ids=["zeros", "garbage"])
@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("name", READINGS)
def test_outputs_do_not_depend_on_padding(
    name: str, criterion: str, padding: float, dtype_and_tolerances: tuple[torch.dtype, float, float]
) -> None:
    dtype, tolerance, _ = dtype_and_tolerances
    network = network_of(name, criterion, dtype)
    for own in OWN:
        alone, length, padded, lengths = batches(dtype, own, padding)
        expected, found = network(alone, length)[0], network(padded, lengths)[1]
        if criterion != "cross_entropy":
            found = found[:own]
        torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("dtype_and_tolerances", PRECISIONS, ids=["float32", "float64"])
@pytest.mark.parametrize("padding", [0.0, 1000.0], ids=["zeros", "garbage"])
@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("name", READINGS)
def test_its_loss_has_the_same_gradients_too(
    name: str, criterion: str, padding: float, dtype_and_tolerances: tuple[torch.dtype, float, float]
) -> None:
    dtype, _, tolerance = dtype_and_tolerances
    network = network_of(name, criterion, dtype)
    configuration = small(**READINGS[name], criterion=criterion, scope=5)

    def gradients(frames: Tensor, lengths: Tensor, row: int) -> list[Tensor]:
        emotions, counts = torch.full_like(lengths, 2), (lengths + 1) // 2
        losses = utterance_losses(network(frames, lengths), lengths, emotions, counts, configuration)
        return list(torch.autograd.grad(losses[row], list(network.parameters())))

    for own in OWN:
        alone, length, padded, lengths = batches(dtype, own, padding)
        expected, found = gradients(alone, length, 0), gradients(padded, lengths, 1)
        size = torch.cat([gradient.flatten() for gradient in expected]).norm()
        off = torch.cat([(a - b).flatten() for a, b in zip(expected, found, strict=True)]).norm()
        assert float(off / size) < tolerance


@pytest.mark.parametrize("name", READINGS)
def test_shapes_and_probabilities_of_both_criteria(name: str) -> None:
    frames, lengths = torch.randn(2, 8, MEL), torch.tensor([8, 5])
    ctc = network_of(name, "ctc", torch.float32)(frames, lengths)
    label = network_of(name, "cross_entropy", torch.float32)(frames, lengths)
    assert ctc.shape == (2, 8, 1 + EMOTIONS)
    assert label.shape == (2, EMOTIONS)
    for log_probabilities in (ctc, label):
        sums = log_probabilities.exp().sum(dim=-1)
        torch.testing.assert_close(sums, torch.ones_like(sums))


def test_cross_entropy_averages_the_annotated_frames() -> None:
    network = network_of("none", "cross_entropy", torch.float64)
    frames, lengths = torch.randn(2, 8, MEL, dtype=torch.float64), torch.tensor([8, 5])
    C = network.encode(frames, lengths)
    for row, length in enumerate(lengths.tolist()):
        logits = network.output.weight @ C[row, :length].mean(dim=0) + network.output.bias
        torch.testing.assert_close(network(frames, lengths)[row], logits.log_softmax(dim=0))


def test_layers_and_cells_are_those_of_the_configuration() -> None:
    network = SpeechEmotionNetwork(small(layers=3, cells=6, stack=2), EMOTIONS)
    sizes = [
        (module.input_size, module.hidden_size)
        for module in network.recurrent.modules()
        if isinstance(module, torch.nn.LSTM)
    ]
    assert sizes == [(2 * MEL, 6)] * 2 + [(12, 6)] * 4


def test_the_papers_network_has_two_layers_of_128_and_128_cells() -> None:
    network = SpeechEmotionNetwork(small(layers=2, cells=128), EMOTIONS)
    layer = 4 * 128 * (2 + 128)
    first, second = 2 * (layer + 4 * 128 * MEL), 2 * (layer + 4 * 128 * 256)
    assert sum(weight.numel() for weight in network.parameters()) == first + second + 257 * (1 + EMOTIONS)


def test_a_projection_narrows_frames_before_the_blstm() -> None:
    torch.manual_seed(4)
    projected = SpeechEmotionNetwork(small(attention="none", projection=2, dropout=0.5), EMOTIONS)
    assert projected.projection is not None
    assert projected.projection.weight.shape == (2, MEL)
    alone, length, padded, lengths = batches(torch.float32, 6, padding=1000.0)
    projected.eval()
    torch.testing.assert_close(projected(padded, lengths)[1, :6], projected(alone, length)[0], atol=1e-6, rtol=0)
    projected.train()
    assert not torch.equal(projected(alone, length), projected(alone, length))
    assert SpeechEmotionNetwork(small(attention="none"), EMOTIONS).projection is None
