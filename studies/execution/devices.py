"""Devices of this machine, and how many workers they can feed."""

import os
from collections.abc import Sequence
from itertools import zip_longest

import psutil
import torch

from ser.config import FoldConfiguration
from ser.training.batching import GPU_COST

_CONTEXT_BYTES = 600 * 2**20
"""GPU memory of a process before its first tensor: driver, cuDNN and cuBLAS; an estimate, not measured."""

_USABLE_SHARE = 0.9
"""Share of the free GPU memory that is given out: blocks of different sizes leave gaps."""

_FLOAT_BYTES = 4


def default_worker_devices(workers: int | None) -> tuple[str, ...]:
    """Return the device of each worker of a local study.

    Args:
        workers: Number of workers, or None for as many as the GPUs have memory and the CPU has cores for
            or, without GPUs, one per physical core that this process may use.

    Returns:
        One device per worker; GPUs are shared in turn when there are more workers than GPUs.
    """
    gpus = torch.cuda.device_count()
    if gpus and workers is None:
        free_bytes = [torch.cuda.mem_get_info(gpu)[0] for gpu in range(gpus)]
        return gpu_devices(free_bytes, usable_cores(), largest_fold_bytes())
    if gpus and workers is not None:
        return tuple(f"cuda:{number % gpus}" for number in range(workers))
    return ("cpu",) * (workers or usable_cores())


def usable_cores() -> int:
    """Return the number of physical cores that this process may use, at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))


def largest_fold_bytes() -> int:
    """Estimate the GPU memory that a fold of the paper's model takes at most, with the largest micro batch.

    A search may try larger models; where memory runs out, fewer folds are computed at once.
    """
    model = FoldConfiguration.parse(attention="none", criterion="cross_entropy", stack=1)
    return fold_bytes(model, GPU_COST.max_frames)


def fold_bytes(configuration: FoldConfiguration, padded_frames: int) -> int:
    """Estimate the GPU memory that a fold takes at most, without the corpus's features; counted, not measured.

    For its gradient a layer stores, per frame: its input and that input reversed; eight numbers per
    cell and direction (four gates, the cell's state and its hyperbolic tangent, the output, and one
    for workspace); its joined outputs, and those reversed; between layers the dropout mask. An
    attention stores eight tensors of the outputs' size. Gradients take as much again.

    Args:
        configuration: The model.
        padded_frames: Padded frames that are computed at once.

    Returns:
        Bytes.
    """
    outputs = 2 * configuration.cells
    inputs = configuration.features.width * configuration.stack
    numbers_per_frame = 0
    for layer in range(configuration.layers):
        numbers_per_frame += 2 * (inputs if layer == 0 else outputs) + 8 * outputs + 2 * outputs
        numbers_per_frame += outputs if layer and configuration.dropout is not None else 0
    numbers_per_frame += 8 * outputs
    return _CONTEXT_BYTES + 2 * numbers_per_frame * _FLOAT_BYTES * padded_frames


def gpu_devices(free_bytes: Sequence[int], cores: int, needed_bytes: int) -> tuple[str, ...]:
    """Return the device of each worker if every GPU computes as many folds as it has memory for.

    Args:
        free_bytes: Free memory of each GPU.
        cores: CPU cores; each worker occupies one, and more workers than cores wait for each other.
        needed_bytes: GPU memory that a fold takes.

    Returns:
        One device per worker, GPUs in turn: at least one worker per GPU, and no more than cores beyond that.

    Examples:
        >>> gpu_devices([10, 30], cores=3, needed_bytes=10)
        ('cuda:0', 'cuda:1', 'cuda:1')
    """
    counts = [max(1, int(_USABLE_SHARE * free / needed_bytes)) for free in free_bytes]
    rounds = zip_longest(*([f"cuda:{gpu}"] * count for gpu, count in enumerate(counts)))
    devices = [device for devices_of_round in rounds for device in devices_of_round if device is not None]
    return tuple(devices[: max(cores, len(counts))])
