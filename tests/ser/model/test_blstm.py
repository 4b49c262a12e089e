"""The BLSTM equals a packed one, and padding is invisible to it."""

import pytest
import torch
from torch import Tensor, nn

from ser.model.blstm import RecurrentLayers, frame_mask

INPUTS, CELLS = 6, 7
RAGGED = [[9], [5, 5, 5], [1, 12, 4, 7], [30, 2, 17, 1, 29], [40, 300, 170, 3, 299]]
"""The last are computed in several runs."""


def packed_twin(layers: RecurrentLayers) -> nn.LSTM:
    """PyTorch's own bidirectional LSTM with the same weights."""
    twin = nn.LSTM(INPUTS, CELLS, len(layers.layers), batch_first=True, bidirectional=True)
    with torch.no_grad():
        for name, weight in twin.named_parameters():
            layer = layers.layers[int(name.split("_l")[1][0])]
            cells = layer.backward_cells if name.endswith("_reverse") else layer.forward_cells
            kind = name.split("_l")[0]
            weight.copy_(getattr(cells, f"{kind}_l0"))
    return twin


def run_packed(twin: nn.LSTM, frames: Tensor, lengths: Tensor) -> Tensor:
    packed = nn.utils.rnn.pack_padded_sequence(frames, lengths, batch_first=True, enforce_sorted=False)
    return nn.utils.rnn.pad_packed_sequence(twin(packed)[0], batch_first=True, total_length=frames.shape[1])[0]


def ragged(lengths: list[int]) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    frames = torch.randn(len(lengths), max(lengths), INPUTS)
    valid = frame_mask(torch.tensor(lengths), max(lengths))
    return frames * valid[:, :, None], torch.tensor(lengths)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("lengths", RAGGED, ids=str)
def test_outputs_equal_a_packed_bidirectional_lstm(depth: int, lengths: list[int]) -> None:
    layers = RecurrentLayers(INPUTS, CELLS, depth)
    frames, valid = ragged(lengths)
    torch.testing.assert_close(layers(frames, valid), run_packed(packed_twin(layers), frames, valid), atol=1e-6, rtol=0)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("lengths", RAGGED, ids=str)
def test_gradients_equal_those_of_a_packed_bidirectional_lstm(depth: int, lengths: list[int]) -> None:
    layers = RecurrentLayers(INPUTS, CELLS, depth)
    twin = packed_twin(layers)
    frames, valid = ragged(lengths)
    ours, theirs = frames.clone().requires_grad_(), frames.clone().requires_grad_()
    direction = torch.randn(len(lengths), max(lengths), 2 * CELLS)
    (layers(ours, valid) * direction).sum().backward()
    (run_packed(twin, theirs, valid) * direction).sum().backward()  # type: ignore[no-untyped-call]

    pairs = [(ours.grad, theirs.grad)]
    for name, weight in twin.named_parameters():
        layer = layers.layers[int(name.split("_l")[1][0])]
        cells = layer.backward_cells if name.endswith("_reverse") else layer.forward_cells
        pairs.append((getattr(cells, name.split("_l")[0] + "_l0").grad, weight.grad))
    assert len(pairs) == 1 + 8 * depth
    for mine, other in pairs:
        assert mine is not None
        assert other is not None
        assert float((mine - other).norm() / other.norm().clamp(min=1e-12)) < 1e-5


def test_a_padded_bidirectional_lstm_would_not_do() -> None:
    layers = RecurrentLayers(INPUTS, CELLS, 2)
    frames, lengths = ragged([30, 2, 17, 1, 29])
    padded, _ = packed_twin(layers)(frames)
    off = (padded * frame_mask(lengths, 30)[:, :, None] - layers(frames, lengths)).abs().max()
    assert off.item() > 0.01


def test_padded_frames_of_the_output_are_zero() -> None:
    frames, lengths = ragged([3, 8])
    outputs = RecurrentLayers(INPUTS, CELLS, 2)(frames + 5.0, lengths)
    assert outputs[0, 3:].abs().max() == 0
    assert (outputs[0, :3].abs().amin(dim=-1) > 0).all()


def test_outputs_keep_the_precision_of_the_frames() -> None:
    frames, lengths = ragged([3, 8])
    layers = RecurrentLayers(INPUTS, CELLS, 1)
    assert layers(frames, lengths).dtype == torch.float32
    assert layers.double()(frames.double(), lengths).dtype == torch.float64


def test_valid_frames_mark_the_first_frames() -> None:
    assert frame_mask(torch.tensor([1, 3]), 3).tolist() == [[True, False, False], [True, True, True]]
