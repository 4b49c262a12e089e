"""What the figures of a check depend on: the GPU, its driver, its mode, and the libraries."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import torch

from benchmarks.gpu_check.sizes import Sizes, synchronize
from benchmarks.measurement import Measurement
from benchmarks.workloads import Source
from ser.devices import device_name

_QUERY = "name,driver_version,compute_mode,mig.mode.current,memory.total"
_SIZE = 4096


def describe_environment(source: Source, sizes: Sizes, device_type: str) -> list[Measurement]:
    """Time a matrix product on the device, and describe the device and its libraries beside it."""
    device = torch.device(device_type)
    size = _SIZE if device_type == "cuda" else _SIZE // 4
    left, right = torch.randn(2, size, size, device=device).unbind()
    rate = _product_rate(left, right, sizes.rounds)
    return [Measurement("environment", "products in fp32", rate / 1e9, "Gop/s", details="; ".join(_facts(device_type)))]


def _product_rate(left: torch.Tensor, right: torch.Tensor, rounds: int) -> float:
    """Return the highest rate of a product of two square matrices, in operations per second."""
    durations_s = []
    for _ in range(1 + rounds):
        started = time.perf_counter()
        left @ right
        synchronize(left.device)
        durations_s.append(time.perf_counter() - started)
    return 2.0 * len(left) ** 3 / min(durations_s[1:])


def _facts(device_type: str) -> list[str]:
    facts = [device_name(device_type), f"torch {torch.__version__}", f"{os.cpu_count()} CPUs"]
    if device_type == "cuda":
        major, minor = torch.cuda.get_device_capability()
        facts += [f"CUDA {torch.version.cuda}", f"cuDNN {_cudnn_version()}", f"sm_{major}{minor}"]
        pipes = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"))
        facts.append("with MPS" if (pipes / "control").exists() else "without MPS")
        facts.append(_query_driver())
    return facts


def _cudnn_version() -> int | None:
    version: int | None = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return version


def _query_driver() -> str:
    """Return the driver's own words on the GPUs of the machine."""
    if shutil.which("nvidia-smi") is None:
        return "nvidia-smi is not installed"
    command = ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return " / ".join(answer.stdout.split("\n")).strip(" /") or f"nvidia-smi ended with {answer.returncode}"
