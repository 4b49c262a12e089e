"""What this machine offers: its devices, and how many workers it feeds."""

import os
from collections.abc import Sequence
from itertools import zip_longest

from ser.config import FoldConfiguration


def default_worker_devices(workers: int | None) -> tuple[str, ...]:
    """Where each worker of a local study computes.

    Args:
        workers: Number of workers, or None for as many as the graphics cards have memory and the
            processor has cores for or, without cards, one a physical core that this process may use.

    Returns:
        One device a worker; cards are shared in turn when there are more workers than cards.
    """
    import torch

    cards = torch.cuda.device_count()
    if cards and workers is None:
        free_bytes = [torch.cuda.mem_get_info(card)[0] for card in range(cards)]
        return card_devices(free_bytes, usable_cores(), largest_fold_bytes())
    if cards and workers is not None:
        return tuple(f"cuda:{number % cards}" for number in range(workers))
    return ("cpu",) * (workers or usable_cores())


def largest_fold_bytes() -> int:
    """Estimated bytes of a card that a fold of the paper's model takes at most: a part as large as parts become.

    A search may try larger models: want of memory is answered by fewer folds at once.
    """
    from ser.config import FoldConfiguration
    from ser.training.batching import GPU_COST

    model = FoldConfiguration.parse(attention="none", criterion="cross_entropy", stack=1)
    return fold_bytes(model, GPU_COST.frames_at_most)


def usable_cores() -> int:
    """Physical cores that this process may use, at least 1."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))


_CONTEXT_BYTES = 600 * 2**20
"""What a process takes of a card before its first tensor: driver, cuDNN and cuBLAS; an estimate, not measured."""


_SHARE = 0.9
"""Of the free memory, the share that is given out: blocks of unlike sizes leave gaps."""


_FLOAT_BYTES = 4


def fold_bytes(configuration: FoldConfiguration, padded_frames: int) -> int:
    """What a fold takes of a card at most, the corpus's features apart: an estimate by counting, not measured.

    A layer keeps for its gradient, each frame: its input and that input reversed; eight numbers a
    cell and direction (four gates, the cell's state and its hyperbolic tangent, the output, and one
    for workspace); its joined outputs, and those reversed; between layers the mask of dropout. An
    attention keeps eight tensors of the outputs' size. Gradients take as much again.

    Args:
        configuration: The model.
        padded_frames: Padded frames that are computed at once.

    Returns:
        Bytes.
    """
    outputs = 2 * configuration.cells
    inputs = configuration.features.mel_bands * configuration.stack
    kept = 0
    for layer in range(configuration.layers):
        kept += 2 * (inputs if layer == 0 else outputs) + 8 * outputs + 2 * outputs
        kept += outputs if layer and configuration.dropout is not None else 0
    kept += 8 * outputs
    return _CONTEXT_BYTES + 2 * kept * _FLOAT_BYTES * padded_frames


def card_devices(free_bytes: Sequence[int], cores: int, needed_bytes: int) -> tuple[str, ...]:
    """Where each worker computes if each card takes as many folds as it has room for.

    Args:
        free_bytes: Free memory of each card.
        cores: Processor's cores; each worker keeps one busy, and more workers than cores wait for each other.
        needed_bytes: What a fold takes of a card.

    Returns:
        One device a worker, cards in turn: at least one worker a card, and no more than cores beyond that.

    Examples:
        >>> card_devices([10, 30], cores=3, needed_bytes=10)
        ('cuda:0', 'cuda:1', 'cuda:1')
    """
    counts = [max(1, int(_SHARE * free / needed_bytes)) for free in free_bytes]
    rounds = zip_longest(*([f"cuda:{card}"] * count for card, count in enumerate(counts)))
    devices = [device for each in rounds for device in each if device is not None]
    return tuple(devices[: max(cores, len(counts))])
