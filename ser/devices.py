"""Name of what computes: equal results bit for bit are promised on one model of CPU only, and on no GPU.

A study whose folds all have results asks for names only, and does without torch, whose import takes a second.
"""

import platform
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ser.errors import StudyError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def device_name(device: str) -> str:
    """Return the name of the CPU or GPU behind a device such as 'cpu' or 'cuda:0'."""
    if device == "cpu":
        return cpu_name()
    import torch

    return torch.cuda.get_device_name(torch.device(device))


@cache
def cpu_name() -> str:
    """Return the CPU's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def to_device(tensor: "Tensor", device: "torch.device") -> "Tensor":
    """Copy a tensor from the CPU to a device; to a GPU by way of pinned memory, so that nothing waits for the copy."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def name_of_device(device: str) -> str:
    """Return the name of this node's CPU, or of the GPU that Ray gives.

    Args:
        device: 'cpu' or 'cuda'.

    Raises:
        StudyError: Ray was told of GPUs that torch cannot use.
    """
    import torch

    if device != "cpu" and not torch.cuda.is_available():
        raise StudyError(
            f"torch {torch.__version__} sees no GPU, though Ray has been told of one; update the NVIDIA driver of the "
            "node, or compute on CPUs: --device cpu (with make: DEVICE=cpu)"
        )
    return device_name(device)
