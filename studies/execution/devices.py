"""What this machine offers: its devices, and how many workers it feeds."""

import os


def worker_devices(workers: int | None) -> tuple[str, ...]:
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
        from studies.execution.cards import card_devices

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
    from ser.training.batching import CARD
    from studies.execution.cards import fold_bytes

    model = FoldConfiguration.of(attention="none", criterion="cross_entropy", stack=1)
    return fold_bytes(model, CARD.frames_at_most)


def usable_cores() -> int:
    """Physical cores that this process may use, at least 1."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))
