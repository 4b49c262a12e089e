"""How many folds share a graphics card: as many as its free memory and the processor's cores feed."""

from collections.abc import Sequence
from itertools import zip_longest

from ser.config import FoldConfiguration

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
