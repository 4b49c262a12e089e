"""Print the resources of this machine, and the workers that a study would use."""

import ctypes
import importlib.util
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch
from rich.console import Console
from rich.table import Table

from studies.cli.commands import DoctorOptions
from studies.execution.devices import default_worker_devices, largest_fold_bytes

_PACKAGES = ("ser-studies", "torch", "optuna", "mlflow", "ray")
# Flags of /proc/cpuinfo that decide how fast an LSTM runs, and whether it runs in bf16.
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
_GIB = 1024**3


def print_findings(options: DoctorOptions) -> None:
    """Print versions and resources, one row per finding."""
    table = Table("what", "found", title="ser doctor", title_justify="left")
    for name, value in findings(options.home):
        table.add_row(name, value)
    Console().print(table)


def findings(home: Path) -> list[tuple[str, str]]:
    """List names and values of `ser doctor`, in order.

    Args:
        home: Folder of results and reports; need not exist yet.
    """
    return [
        ("python", platform.python_version()),
        *((package, _version(package)) for package in _PACKAGES),
        *_processor(),
        ("device", _device()),
        ("memory", _memory()),
        ("disk", _disk(home)),
        ("eSpeak NG", _espeak()),
        ("workers", _workers()),
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> list[tuple[str, str]]:
    model, flags = _cpuinfo(Path("/proc/cpuinfo"))
    instructions = [name for name in _INSTRUCTIONS if name in flags]
    return [
        ("processor", model or platform.processor() or platform.machine()),
        ("physical cores", str(psutil.cpu_count(logical=False) or "unknown")),
        (
            "instructions",
            f"{', '.join(instructions) or 'none of note'} (torch uses {torch.backends.cpu.get_cpu_capability()})",
        ),
    ]


def _cpuinfo(path: Path) -> tuple[str, frozenset[str]]:
    """Read model name and flags of the first processor; both empty where the system has no such file."""
    if not path.is_file():
        return "", frozenset()
    fields: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    return fields.get("model name", ""), frozenset(fields.get("flags", "").split())


def _device() -> str:
    if not torch.cuda.is_available():
        return "cpu"
    properties = torch.cuda.get_device_properties(0)
    return f"cuda ({torch.cuda.device_count()} x {properties.name}, {properties.total_memory / _GIB:.0f} GiB)"


def _workers() -> str:
    """Describe the number of workers that a study would use, and its reason."""
    devices = default_worker_devices(None)
    gpus = torch.cuda.device_count()
    if not gpus:
        return f"{len(devices)} (one per physical core)"
    shares = ", ".join(f"{devices.count(f'cuda:{gpu}')} on cuda:{gpu}" for gpu in range(gpus))
    free = ", ".join(f"{torch.cuda.mem_get_info(gpu)[0] / _GIB:.1f}" for gpu in range(gpus))
    room = f"a fold takes up to {largest_fold_bytes() / _GIB:.1f} GiB by estimate, free are {free} GiB"
    return f"{len(devices)} ({shares}: {room}; no more than physical cores)"


def _memory() -> str:
    memory = psutil.virtual_memory()
    return f"{memory.available / _GIB:.1f} GiB free of {memory.total / _GIB:.1f} GiB"


def _disk(home: Path) -> str:
    resolved = home.resolve()
    existing = next(folder for folder in (resolved, *resolved.parents) if folder.is_dir())
    return f"{shutil.disk_usage(existing).free / _GIB:.1f} GiB free for {resolved}"


def _espeak() -> str:
    if importlib.util.find_spec("espeakng_loader") is None:
        return "not installed (only the demo corpus needs it): pip install 'ser-studies[demo]'"
    import espeakng_loader

    library = espeakng_loader.get_library_path()
    try:
        ctypes.CDLL(library)
    except OSError as error:
        return f"cannot be loaded: {error}"
    return f"loads (espeakng-loader {_version('espeakng-loader')})"
