"""What this machine offers: its devices, and how many workers it feeds."""

import os


def worker_devices(workers: int | None) -> tuple[str, ...]:
    """Where each worker of a local study computes.

    Args:
        workers: Number of workers, or None for one a graphics card or, without one, one a physical
            core that this process may use.

    Returns:
        One device a worker; cards are shared in turn when there are more workers than cards.
    """
    import torch

    cards = torch.cuda.device_count()
    if cards:
        return tuple(f"cuda:{number % cards}" for number in range(workers or cards))
    return ("cpu",) * (workers or usable_cores())


def usable_cores() -> int:
    """Physical cores that this process may use, at least 1."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))
