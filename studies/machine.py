"""What this machine offers: its processor's name, its devices, and how many workers it feeds."""

import os
import platform
from pathlib import Path


def processor_name() -> str:
    """The processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def device_name(device: str) -> str:
    """The name of the processor or of the graphics card behind a device such as 'cpu' or 'cuda:0'."""
    import torch

    return processor_name() if device == "cpu" else torch.cuda.get_device_name(torch.device(device))


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
