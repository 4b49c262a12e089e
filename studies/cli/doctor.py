"""Print the resources of this machine, and the workers that a study would use."""

import ctypes
import importlib.util
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch
from rich.table import Table

from ser.errors import StorageError
from ser.files import parse_json_object
from studies.cli.commands import DoctorOptions
from studies.cli.terminal.console import Console
from studies.execution.devices import slots_per_gpu, usable_cores
from studies.execution.gpus import examine_gpus, visible_gpu_ids
from studies.storages.home import Home

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
        *_gpus(),
        ("memory", _memory()),
        ("disk", _disk(home)),
        ("eSpeak NG", _espeak()),
        *_gpu_check(home),
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


def _gpus() -> list[tuple[str, str]]:
    """Describe the GPUs, each tried in a process of its own, and the workers that a study would use."""
    ids = visible_gpu_ids()
    gpus, problems = examine_gpus(ids)
    rows = [("device", "cuda" if gpus else "cpu")]
    rows += [(f"GPU {gpu.id}", f"{gpu.name}, {_gib(gpu.free_bytes)} free of {_gib(gpu.total_bytes)}") for gpu in gpus]
    rows += [(f"GPU {problem.id}", f"cannot be used: {problem.reason}") for problem in problems]
    if gpus:
        return [*rows, ("workers", _gpu_workers(len(gpus)))]
    # A study says so and stops: it does not compute on CPUs for days because a driver is old.
    condition = ", with --device cpu or DEVICE=cpu" if ids else ""
    return [*rows, ("workers", f"{usable_cores()} (one per physical core{condition})")]


def _gpu_workers(gpus: int) -> str:
    limit = slots_per_gpu(gpus)
    return f"{gpus} (one per GPU, up to {limit} once an epoch has shown how much memory a fold takes)"


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / _GIB:.1f} GiB"


def _memory() -> str:
    memory = psutil.virtual_memory()
    return f"{_gib(memory.available)} free of {_gib(memory.total)}"


def _disk(home: Path) -> str:
    resolved = home.resolve()
    existing = next(folder for folder in (resolved, *resolved.parents) if folder.is_dir())
    return f"{_gib(shutil.disk_usage(existing).free)} free for {resolved}"


def _gpu_check(home: Path) -> list[tuple[str, str]]:
    """Describe what `make gpu-check` found, where it has left its figures in the data directory.

    Raises:
        StorageError: The file holds no figures of a check.
    """
    path = Home(home).gpu_check
    if not path.is_file():
        return []
    try:
        content = parse_json_object(path.read_bytes())
        found = content["conclusions"]
        text = (
            f"{content['device']}: precision {found['precision'] or 'not measured'}, "
            f"{found['folds_per_gpu'] or 'not measured how many'} folds per GPU "
            f"(measured {content['started'][:10]}, torch {content['torch']})"
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path}: expected the figures of `make gpu-check`: {error}") from None
    return [("GPU check", text)]


def _espeak() -> str:
    if importlib.util.find_spec("espeakng_loader") is None:
        return "not installed (the demo corpus and counts from transcripts need it): make setup"
    import espeakng_loader

    library = espeakng_loader.get_library_path()
    try:
        ctypes.CDLL(library)
    except OSError as error:
        return f"cannot be loaded: {error}"
    return f"loads (espeakng-loader {_version('espeakng-loader')})"
