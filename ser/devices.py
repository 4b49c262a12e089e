"""The name of what computes: equal results bit for bit are promised on one kind of processor only."""

import platform
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from ser.errors import StudyError


def device_name(device: str) -> str:
    """The name of the processor or of the graphics card behind a device such as 'cpu' or 'cuda:0'."""
    return cpu_name() if device == "cpu" else torch.cuda.get_device_name(torch.device(device))


@cache
def cpu_name() -> str:
    """The processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on a device; for a card by way of pinned memory, so that nothing waits for the copy.

    Args:
        tensor: Lies on the CPU.
        device: Where it shall lie.
    """
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def name_of_device(device: str) -> str:
    """The name of this node's processor or card.

    Args:
        device: 'cpu' or 'cuda'.

    Raises:
        StudyError: Ray was told of cards that torch cannot use.
    """
    if device != "cpu" and not torch.cuda.is_available():
        raise StudyError(f"torch {torch.__version__} sees no graphics card, though Ray has been told of one")
    return device_name(device)
