"""BLSTM outputs to apply attentions to, and the comparison of what comes out with plain loops."""

import torch
from torch import Tensor

Frames = list[list[float]]

FEATURES = 4
LENGTHS = [13, 1, 2, 6]


def blstm_outputs(seed: int = 0) -> tuple[Tensor, Tensor]:
    """C in -1..1 as out of a BLSTM, float64, zero in padded frames, some utterances shorter than a scope."""
    torch.manual_seed(seed)
    C = torch.rand(len(LENGTHS), max(LENGTHS), FEATURES, dtype=torch.float64) * 2 - 1
    for row, length in enumerate(LENGTHS):
        C[row, length:] = 0
    return C, torch.tensor(LENGTHS)


def assert_equals_loops(U: Tensor, references: list[Frames]) -> None:
    for row, reference in enumerate(references):
        torch.testing.assert_close(
            U[row, : len(reference)], torch.tensor(reference, dtype=torch.float64), atol=1e-12, rtol=0
        )
