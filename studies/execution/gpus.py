"""GPUs of this machine, looked at from processes of their own.

A process that uses CUDA holds memory of a GPU until it ends, and a GPU in exclusive mode for itself. So nothing here
uses CUDA in this process: for every GPU another one does, and ends.
"""

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ser.errors import StudyError
from ser.identity import installed_torch_version, torch_build
from studies.execution.worker_processes import VISIBLE_GPUS, CallFailure, call_in_processes

_TIMEOUT_S = 120.0
_GPU_LINE = re.compile(r"GPU \d+: .*\(UUID: (GPU-[^)]+)\)")
_MIG_LINE = re.compile(r"\s+MIG .*\(UUID: *(MIG-[^)]+)\)")


@dataclass(frozen=True)
class Gpu:
    """GPU, or MIG instance of one, that trains folds.

    Attributes:
        id: Its entry in `CUDA_VISIBLE_DEVICES`: a UUID, or an index.
        name: Name of its model.
        total_bytes: Its memory.
        free_bytes: Its free memory.
    """

    id: str
    name: str
    total_bytes: int
    free_bytes: int

    @property
    def device(self) -> str:
        """Device of a worker on it, see `start_process`."""
        return f"cuda:{self.id}"


@dataclass(frozen=True)
class GpuProblem:
    """Reason in one line why a GPU cannot be used.

    Attributes:
        id: The GPU's entry in `CUDA_VISIBLE_DEVICES`.
        reason: The reason.
    """

    id: str
    reason: str

    def __str__(self) -> str:
        return f"GPU {self.id}: {self.reason}"


def visible_gpu_ids() -> tuple[str, ...]:
    """List the GPUs that this process may use, by their entries in `CUDA_VISIBLE_DEVICES`.

    Where the variable is set, they are its entries; else UUIDs, and of a GPU that is divided into MIG instances theirs.
    """
    count = _count_gpus()
    if not count:
        return ()
    visible = os.environ.get(VISIBLE_GPUS)
    if visible is None:
        return _ids_from_nvidia_smi() or tuple(str(index) for index in range(count))
    entries = tuple(entry.strip() for entry in visible.split(","))
    # CUDA counts one MIG instance, whatever is listed.
    return entries if entries[0].startswith("MIG-") else entries[:count]


def _count_gpus() -> int:
    """Count GPUs as torch does: by the driver's management library, or by the driver, and none is used for it.

    Torch is not imported where it was built for CPUs, or for NVIDIA's GPUs and their driver is not installed.
    """
    build = torch_build()
    if build.get("hip") is None and (build.get("cuda") is None or not _has_nvidia_driver()):
        return 0
    import torch

    return torch.cuda.device_count()


def _has_nvidia_driver() -> bool:
    """Return whether the driver's library can be loaded; systems other than Linux name it otherwise, and are asked."""
    if sys.platform != "linux":
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def _ids_from_nvidia_smi() -> tuple[str, ...]:
    """List UUIDs of GPUs and MIG instances; empty where the driver's tool is missing or fails."""
    try:
        answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    except OSError:
        return ()
    instances_by_gpu: dict[str, list[str]] = {}
    for line in answer.stdout.splitlines() if answer.returncode == 0 else ():
        if gpu := _GPU_LINE.match(line):
            instances_by_gpu[gpu[1]] = []
        elif (instance := _MIG_LINE.match(line)) and instances_by_gpu:
            instances_by_gpu[list(instances_by_gpu)[-1]].append(instance[1])
    return tuple(gpu_id for gpu, instances in instances_by_gpu.items() for gpu_id in instances or [gpu])


def examine_gpus(ids: Sequence[str]) -> tuple[tuple[Gpu, ...], tuple[GpuProblem, ...]]:
    """Try each GPU with a small computation, all at once.

    Args:
        ids: Their entries in `CUDA_VISIBLE_DEVICES`.

    Returns:
        Those that compute, and the problems of the others.
    """
    gpus, problems = list[Gpu](), list[GpuProblem]()
    for gpu_id, answer in zip(ids, call_on_gpus(_describe_gpu, ids), strict=True):
        if isinstance(answer, GpuProblem):
            problems.append(answer)
        else:
            gpus.append(Gpu(gpu_id, *answer))
    return tuple(gpus), tuple(problems)


def usable_gpus(ids: Sequence[str]) -> tuple[tuple[Gpu, ...], tuple[GpuProblem, ...]]:
    """Return what `examine_gpus` does, where at least one GPU computes.

    Raises:
        StudyError: Torch can use none of them.
    """
    gpus, problems = examine_gpus(ids)
    if not gpus:
        raise StudyError(
            f"torch {installed_torch_version()} cannot use the {len(ids)} GPU(s) of this machine ({problems[0]}); "
            "update the NVIDIA driver or install a torch build for this GPU, or compute on the CPU: --device cpu "
            "(with make: DEVICE=cpu)"
        )
    return gpus, problems


def call_on_gpus(function: Callable[[], Any], ids: Sequence[str]) -> list[Any]:
    """Call a function on each GPU, all at once, each in a process of its own that sees only that GPU and ends.

    Args:
        function: Function of a module.
        ids: The GPUs' entries in `CUDA_VISIBLE_DEVICES`.

    Returns:
        Its return values in the order of the GPUs; a `GpuProblem` where it raised an error or its process died.
    """
    answers = call_in_processes(function, [f"cuda:{gpu_id}" for gpu_id in ids], _TIMEOUT_S)
    return [
        GpuProblem(gpu_id, answer.reason) if isinstance(answer, CallFailure) else answer
        for gpu_id, answer in zip(ids, answers, strict=True)
    ]


def _describe_gpu() -> tuple[str, int, int]:
    """Compute a little on this process's GPU; return its name, its memory and its free memory in bytes."""
    import torch

    torch.cuda.init()  # type: ignore[no-untyped-call]
    free_bytes, total_bytes = torch.cuda.mem_get_info()
    with torch.no_grad():
        torch.nn.LSTM(4, 4).to("cuda")(torch.zeros(2, 1, 4, device="cuda"))[0].sum().item()
    return torch.cuda.get_device_name(), total_bytes, free_bytes
