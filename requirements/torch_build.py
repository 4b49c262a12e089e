"""Choose the build of PyTorch that `make setup` installs, and say so: `cpu` or `cuda`, on standard output.

On Linux PyPI's build comes with CUDA, several GB large. Without an NVIDIA driver the CPU build is taken, from PyTorch's
own index, unless that does not answer, as behind a mirror of PyPI. `TORCH=cpu` and `TORCH=cuda` decide otherwise.
"""

import shutil
import sys
import urllib.request
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TIMEOUT_S = 3.0

_DRIVER = Path("/proc/driver/nvidia/version")


def has_nvidia_driver() -> bool:
    """Return whether an NVIDIA driver is installed."""
    return _DRIVER.exists() or shutil.which("nvidia-smi") is not None


def index_answers(url: str = f"{CPU_INDEX}/torch/", timeout_s: float = TIMEOUT_S) -> bool:
    """Return whether PyTorch's index of CPU builds answers in time."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


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
    if index_answers():
        return "cpu", "CPU build of PyTorch, since there is no NVIDIA driver (TORCH=cuda takes the other)"
    return "cuda", (
        f"PyTorch with CUDA from PyPI, several GB large: there is no NVIDIA driver, but {CPU_INDEX} does not answer "
        f"within {TIMEOUT_S:g} s (TORCH=cpu insists on it)"
    )


if __name__ == "__main__":
    build, reason = choose_build(sys.platform)
    print(f"make setup: {reason}", file=sys.stderr)
    print(build)
