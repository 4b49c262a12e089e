"""The name of what computes: equal results bit for bit are promised on one kind of processor only."""

import platform
from functools import cache
from pathlib import Path

import torch


def device_name(device: str) -> str:
    """The name of the processor or of the graphics card behind a device such as 'cpu' or 'cuda:0'."""
    return processor_name() if device == "cpu" else torch.cuda.get_device_name(torch.device(device))


@cache
def processor_name() -> str:
    """The processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
