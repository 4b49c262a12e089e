"""Choose the build of PyTorch that `make setup` installs, and say so: `cpu` or `cuda`, on standard output.

On Linux PyPI's build comes with CUDA, several GB large. Without an NVIDIA driver the CPU build is taken, from PyTorch's
own index, unless that does not answer, as behind a mirror of PyPI. `TORCH=cpu` and `TORCH=cuda` decide otherwise.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TIMEOUT_S = 3

_DRIVER = Path("/proc/driver/nvidia/version")


def has_nvidia_driver() -> bool:
    """Return whether an NVIDIA driver is installed."""
    return _DRIVER.exists() or shutil.which("nvidia-smi") is not None


def offers_cpu_build(index: str = CPU_INDEX, timeout_s: int = TIMEOUT_S) -> bool:
    """Ask pip, with its own proxies and wheels, whether it can install the CPU build of the pinned version."""
    pinned = re.search(r"^torch==\S+", Path(__file__).with_name("torch.txt").read_text(), re.MULTILINE)
    if pinned is None:
        raise ValueError("requirements/torch.txt pins no torch: run make lock")
    command = [sys.executable, "-m", "pip", "index", "versions", "torch", "--index-url", index]
    command += ["--timeout", str(timeout_s), "--retries", "0", "--disable-pip-version-check"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    # Not the line of the version that is installed.
    available = re.search(r"^Available versions: (.*)$", answer.stdout, re.MULTILINE)
    return available is not None and f"{pinned[0].removeprefix('torch==')}+cpu" in available[1].split(", ")


def choose_build(platform: str) -> tuple[str, str]:
    """Choose a build.

    Args:
        platform: The system, as `sys.platform` names it.

    Returns:
        'cpu' for PyTorch's index of CPU builds or 'cuda' for PyPI's build, and the reason.
    """
    if platform != "linux":
        return "cuda", "PyPI's build of PyTorch, which has no CUDA on this system"
    if has_nvidia_driver():
        return "cuda", "PyTorch with CUDA, since there is an NVIDIA driver (TORCH=cpu takes the CPU build)"
    if offers_cpu_build():
        return "cpu", "CPU build of PyTorch, since there is no NVIDIA driver (TORCH=cuda takes the other)"
    return "cuda", (
        f"PyTorch with CUDA from PyPI, several GB large: there is no NVIDIA driver, but {CPU_INDEX} does not offer "
        f"the CPU build within {TIMEOUT_S} s (TORCH=cpu insists on it)"
    )


if __name__ == "__main__":
    build, reason = choose_build(sys.platform)
    print(f"make setup: {reason}", file=sys.stderr)
    print(build)
