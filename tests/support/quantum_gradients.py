"""Gradients of quantum attention: on extreme BLSTM outputs, and of random networks.

`python -m tests.support.quantum_gradients 10000` makes that many networks for each reading of the attention, and
fails where a gradient is not finite.
"""

import argparse
import itertools
from typing import get_args

import torch

from ser.config import QuantumBoundary, QuantumStates
from ser.model.attention import QuantumAttention
from ser.model.losses import scaled_ctc_losses
from ser.model.network import SpeechEmotionNetwork
from tests.support.toy_corpus import MEL, small

UTTERANCES = 100
_FRAMES, _FEATURES, _EMOTIONS = 12, 8, 3


def draw_has_finite_gradients(boundary: QuantumBoundary, states: QuantumStates, seed: int) -> bool:
    """Draw `UTTERANCES` BLSTM outputs of sizes 1e-12 to 1, with boundaries of all angles, and differentiate U."""
    torch.manual_seed(seed)
    lengths = torch.randint(1, _FRAMES + 1, (UTTERANCES,))
    C = torch.rand(UTTERANCES, _FRAMES, _FEATURES) * 2 - 1
    C *= 10.0 ** torch.randint(-12, 1, (UTTERANCES, 1, 1))
    last = torch.arange(UTTERANCES), lengths - 1
    # A fifth each: opposite, orthogonal, equal and vanishing boundaries; the rest as they are drawn.
    kind, first = torch.arange(UTTERANCES)[:, None] % 5, C[:, 0].clone()
    even = torch.arange(_FEATURES) % 2 == 0
    C[last] = torch.where(kind == 0, -first, C[last])
    C[last] = torch.where((kind == 1) & even, 0.0, C[last])
    C[:, 0] = torch.where((kind == 1) & ~even, 0.0, C[:, 0])
    C[last] = torch.where(kind == 2, first, C[last])
    C[:, 0] = torch.where(kind == 3, 0.0, C[:, 0])
    C *= (torch.arange(_FRAMES) < lengths[:, None])[:, :, None]
    C.requires_grad_()
    U = QuantumAttention(boundary, states)(C, lengths)
    (U * torch.randn_like(U)).sum().backward()  # type: ignore[no-untyped-call]
    return C.grad is not None and bool(C.grad.isfinite().all()) and bool(U.isfinite().all())


def network_has_finite_gradients(boundary: QuantumBoundary, states: QuantumStates, seed: int) -> bool:
    """Make a network with weights up to a hundred times as large or small as usual, and differentiate its CTC loss."""
    torch.manual_seed(seed)
    configuration = small(attention="quantum", quantum_boundary=boundary, quantum_states=states, layers=1 + seed % 2)
    network = SpeechEmotionNetwork(configuration, _EMOTIONS)
    with torch.no_grad():
        for weight in network.parameters():
            weight *= 10.0 ** (4 * torch.rand(()) - 2)
    lengths = torch.randint(1, _FRAMES + 1, (4,))
    output = network(torch.randn(4, _FRAMES, MEL), lengths)
    emotions, counts = torch.randint(_EMOTIONS, (4,)), torch.minimum(torch.randint(1, 4, (4,)), (lengths + 1) // 2)
    scaled_ctc_losses(output, lengths, emotions, counts, "utterance").mean().backward()  # type: ignore[no-untyped-call]
    return all(weight.grad is not None and bool(weight.grad.isfinite().all()) for weight in network.parameters())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", type=int, nargs="?", default=10_000)
    networks = parser.parse_args().networks
    for boundary, states in itertools.product(get_args(QuantumBoundary), get_args(QuantumStates)):
        bad = [seed for seed in range(networks) if not network_has_finite_gradients(boundary, states, seed)]
        print(f"{boundary}, {states}: {networks} networks, seeds with a gradient that is not finite: {bad or 'none'}")
        if bad:
            raise SystemExit(1)
