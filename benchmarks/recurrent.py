"""The padding-free BLSTM against the packed one: one training step each, in turn, and the ratio of medians.

Both run on one thread over the same batch and weights. Machines are noisy: trust the ratio.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from ser.model.recurrent import RecurrentLayers

ROUNDS = 7
CELLS, LAYERS = 128, 2


def packed_step(network: nn.LSTM, frames: Tensor, lengths: Tensor) -> None:
    """Forward and backward through a packed bidirectional LSTM."""
    packed = nn.utils.rnn.pack_padded_sequence(frames, lengths, batch_first=True, enforce_sorted=False)
    outputs, _ = nn.utils.rnn.pad_packed_sequence(network(packed)[0], batch_first=True)
    outputs.square().mean().backward()


def free_step(network: RecurrentLayers, frames: Tensor, lengths: Tensor) -> None:
    """Forward and backward through two one-directional LSTMs a layer."""
    network(frames, lengths).square().mean().backward()


def duration_s(step: Callable[[], None]) -> float:
    """Duration of one call, in seconds."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def main() -> None:
    """Prints both medians and their ratio, for 10 ms and for 30 ms frames."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{'frames':>8} {'inputs':>7} {'packed s':>9} {'free s':>9} {'ratio':>6}")
    for frames, inputs in ((280, 40), (93, 120)):
        lengths = torch.randint(int(frames * 0.8), frames + 1, (32,))
        batch = torch.randn(32, frames, inputs)
        packed = nn.LSTM(inputs, CELLS, LAYERS, batch_first=True, bidirectional=True)
        free = RecurrentLayers(inputs, CELLS, LAYERS)
        times: dict[str, list[float]] = {"packed": [], "free": []}
        for _ in range(ROUNDS):
            times["packed"].append(duration_s(partial(packed_step, packed, batch, lengths)))
            times["free"].append(duration_s(partial(free_step, free, batch, lengths)))
        medians = {name: statistics.median(values[1:]) for name, values in times.items()}
        ratio = medians["packed"] / medians["free"]
        print(f"{frames:>8} {inputs:>7} {medians['packed']:>9.3f} {medians['free']:>9.3f} {ratio:>6.1f}")


if __name__ == "__main__":
    main()
