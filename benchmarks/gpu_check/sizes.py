"""Amounts of work of a check: large enough for a GPU to show its speed, or small enough for two cores of a CPU."""

from dataclasses import dataclass

import torch

from ser.config import Precision
from studies.execution.precision_probe import REDUCED_PRECISIONS


@dataclass(frozen=True)
class Sizes:
    """Amounts of work.

    Attributes:
        share: Share of the utterances of IEMOCAP's shape that epochs and folds are measured on, 0..1.
        cells: LSTM cells per direction of these epochs and folds.
        epochs: Epochs of a fold where folds are measured.
        workers: Numbers of folds at once.
        batches: Utterances of the batches of single layers.
        layer_cells: LSTM cells per direction of single layers.
        frames: Frames of the utterances of single layers.
        rounds: Repetitions of short measurements, of which the shortest counts.
        free_gib: GPU memory that is left free where lack of memory is provoked.
    """

    share: float
    cells: int
    epochs: int
    workers: tuple[int, ...]
    batches: tuple[int, ...]
    layer_cells: tuple[int, ...]
    frames: int
    rounds: int
    free_gib: float


GPU_SIZES = Sizes(
    share=1.0,
    cells=128,
    epochs=2,
    workers=(1, 4, 8, 16),
    batches=(8, 32, 128, 256),
    layer_cells=(64, 128, 256),
    frames=400,
    rounds=5,
    free_gib=3.0,
)

CPU_SIZES = Sizes(
    share=0.02,
    cells=16,
    epochs=1,
    workers=(1, 2),
    batches=(8,),
    layer_cells=(16, 64),
    frames=100,
    rounds=2,
    free_gib=3.0,
)


def default_sizes(device_type: str) -> Sizes:
    """Return the amounts of work for a type of device, 'cpu' or 'cuda'."""
    return GPU_SIZES if device_type == "cuda" else CPU_SIZES


def precisions(device_type: str) -> tuple[Precision, ...]:
    """List the precisions of a type of device."""
    return ("fp32", *REDUCED_PRECISIONS[device_type])


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has computed all that it was given; a CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
