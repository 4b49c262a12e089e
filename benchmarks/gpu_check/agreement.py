"""Agreement of a device with the CPU in fp32, of every model and precision, and of a fold with itself."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.gpu_check.sizes import Sizes, precisions
from benchmarks.measurement import Measurement
from benchmarks.workloads import Source, Workload, configuration_of
from ser.config import FoldConfiguration, Precision
from ser.training.fold_training import FoldTraining
from ser.training.precision import precision_context
from ser.training.trainer import train_fold

_MODELS: dict[str, dict[str, Any]] = {
    "none": {"attention": "none"},
    "local": {"attention": "local"},
    "component": {"attention": "component"},
    "component, window scores": {"attention": "component", "component_score": "window"},
    "quantum": {"attention": "quantum"},
}
_CRITERIA = ("ctc", "cross_entropy")
_BATCH = 8
_FRAME_MS = 30
_CPU = torch.device("cpu")

LARGEST_ERRORS: dict[Precision, float] = {"fp32": 1e-3, "tf32": 0.05, "bf16": 0.15}
"""Largest relative error of a gradient that passes: by some times the rounding of a factor, as errors add up."""


@dataclass(frozen=True)
class _Step:
    """One training step.

    Attributes:
        loss: Mean loss of the batch, in nats.
        gradient: All gradients in one vector.
        cells_type: Type that the LSTM cells computed in.
    """

    loss: float
    gradient: Tensor
    cells_type: torch.dtype


def compare_with_cpu(source: Source, sizes: Sizes, device_type: str) -> list[Measurement]:
    """Compute one batch with every attention and criterion, in every precision, and compare with the CPU in fp32.

    Raises:
        RuntimeError: Cells computed in another type than the precision says.
    """
    workload, measurements = source.open(), list[Measurement]()
    for model, settings in _MODELS.items():
        for criterion in _CRITERIA:
            configuration = configuration_of(
                frame_ms=_FRAME_MS, criterion=criterion, cells=sizes.cells, loss_scale="label", **settings
            )
            batch = _longest_training_utterances(workload, configuration)
            exact = _compute_step(workload, configuration, batch, _CPU)
            for precision in precisions(device_type):
                rounded = configuration.model_copy(update={"precision": precision})
                step = _compute_step(workload, rounded, batch, torch.device(device_type))
                case = f"{model}, {criterion}, {precision}"
                _require_type(step, precision, case)
                measurements.append(_error(case, precision, step, exact))
    return measurements


def compare_with_itself(source: Source, sizes: Sizes, device_type: str) -> list[Measurement]:
    """Train a fold twice; the largest difference of a weight is 0 on a CPU, and may not be on a GPU."""
    workload = source.open()
    configuration = configuration_of("none", _FRAME_MS, cells=sizes.cells, epochs=sizes.epochs)
    first, second = (
        train_fold(workload.corpus, workload.store, configuration, workload.folds[0], torch.device(device_type))
        for _ in range(2)
    )
    difference = max(float((weight - second.weights[name]).abs().max()) for name, weight in first.weights.items())
    largest = max(float(weight.abs().max()) for weight in first.weights.values())
    target = 0.0 if device_type == "cpu" else None
    return [
        Measurement(
            "the same fold twice",
            f"largest difference of a weight, {sizes.epochs} epoch(s)",
            difference,
            "",
            target,
            upper_bound=True,
            details=f"the largest weight is {largest:.3g}",
        )
    ]


def _longest_training_utterances(workload: Workload, configuration: FoldConfiguration) -> NDArray[np.int64]:
    """Return the indices of a batch with much padding: the longest and the shortest of the training utterances."""
    data = workload.data(configuration)
    order = data.training[np.argsort(data.features.lengths[data.training], kind="stable")]
    return np.concatenate([order[: _BATCH // 2], order[-_BATCH // 2 :]])


def _compute_step(
    workload: Workload, configuration: FoldConfiguration, batch: NDArray[np.int64], device: torch.device
) -> _Step:
    training = FoldTraining(workload.data(configuration), configuration, 1, device)
    cell_types: list[torch.dtype] = []

    def note_type(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        cell_types.append(output.dtype)

    training.network.recurrent.layers[0].register_forward_hook(note_type)
    training.network.train()
    with precision_context(configuration.precision, device):
        loss = training.accumulate_gradients(batch)
    gradients = [weight.grad for weight in training.network.parameters() if weight.grad is not None]
    gradient = torch.cat([gradient.reshape(-1).cpu().double() for gradient in gradients])
    (cells_type,) = set(cell_types)
    return _Step(float(loss) / len(batch), gradient, cells_type)


def _require_type(step: _Step, precision: Precision, case: str) -> None:
    expected = torch.bfloat16 if precision == "bf16" else torch.float32
    if step.cells_type is not expected:
        raise RuntimeError(f"{case}: LSTM cells computed in {step.cells_type}, expected {expected}")


def _error(case: str, precision: Precision, step: _Step, exact: _Step) -> Measurement:
    gradient_error = float((step.gradient - exact.gradient).norm() / exact.gradient.norm())
    loss_error = abs(step.loss - exact.loss) / abs(exact.loss)
    return Measurement(
        "relative error of the gradient vs. the CPU in fp32",
        case,
        gradient_error,
        "",
        LARGEST_ERRORS[precision],
        upper_bound=True,
        details=f"relative error of the loss {loss_error:.1e}; cells in {step.cells_type}",
    )
