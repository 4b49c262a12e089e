"""Command of the check: it runs the sections on one device, prints a table, and stores all as JSON."""

import json
import tempfile
import time
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.gpu_check.epochs import AUTO, PRECISION
from benchmarks.gpu_check.options import CheckOptions, SizeOptions
from benchmarks.gpu_check.sections import SECTIONS, SectionResult, run_section
from benchmarks.gpu_check.sharing import FOLDS_AT_ONCE
from benchmarks.gpu_check.sizes import Sizes, default_sizes
from benchmarks.measurement import Measurement
from benchmarks.workloads import Source
from ser.devices import cpu_name
from ser.errors import SerError
from studies.execution.gpus import usable_gpus, visible_gpu_ids

GPU_FILE, CPU_FILE = "gpu-check.json", "gpu-check-cpu.json"
"""Files of the figures in the data directory; `ser doctor` prints those of a GPU."""


def check(options: CheckOptions) -> None:
    """Run the sections, print a table and store all figures.

    Raises:
        Exit: With code 1, where the device cannot be used, or a section failed.
    """
    console = Console()
    try:
        chosen, name = _choose_device(options.device)
    except SerError as error:
        console.print(f"error: {error}", style="red")
        raise typer.Exit(1) from None
    sizes, only = _sizes(options, chosen.partition(":")[0]), tuple(options.only or ())
    unknown = set(only) - {section.name for section in SECTIONS}
    if unknown:
        raise typer.BadParameter(f"no section {sorted(unknown)[0]!r}; there are: {', '.join(s.name for s in SECTIONS)}")
    started = datetime.now(UTC)
    results = _run(chosen, sizes, options.limit_s, only, console)
    console.print(table(results))
    path = options.home / (CPU_FILE if chosen == "cpu" else GPU_FILE)
    options.home.mkdir(parents=True, exist_ok=True)
    content = {
        "started": started.isoformat(timespec="seconds"),
        "device": name,
        "torch": str(torch.__version__),
        "sizes": sizes.__dict__,
        "conclusions": conclusions(results, chosen.partition(":")[0]),
        "sections": [result.as_json() for result in results],
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    console.print(f"written: {path}")
    if any(result.failure or any(row.passed is False for row in result.measurements) for result in results):
        raise typer.Exit(1)


def _sizes(options: CheckOptions, device_type: str) -> Sizes:
    """Return the amounts of work of a device, with those that options replace."""
    values = {field.name: getattr(options, field.name) for field in fields(SizeOptions)}
    changed: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if value not in (None, [])
    }
    return replace(default_sizes(device_type), **changed)


def _choose_device(device: str | None) -> tuple[str, str]:
    """Return the device of workers and its name: the first GPU that computes, or the CPU.

    Raises:
        SerError: The device is unknown, missing or of no use to torch.
    """
    if device not in (None, "cpu", "cuda"):
        raise SerError(f"unknown device '{device}'; valid: cpu, cuda")
    ids = () if device == "cpu" else visible_gpu_ids()
    if ids:
        gpu = usable_gpus(ids)[0][0]
        return gpu.device, gpu.name
    if device == "cuda":
        raise SerError(f"--device cuda: torch {torch.__version__} sees no GPU on this machine")
    return "cpu", cpu_name()


def _run(device: str, sizes: Sizes, limit_s: float, only: tuple[str, ...], console: Console) -> list[SectionResult]:
    """Run the sections one after the other, within the limit."""
    started, results = time.perf_counter(), list[SectionResult]()
    selected = [section for section in SECTIONS if not only or section.name in only]
    with tempfile.TemporaryDirectory(prefix="ser-gpu-check-") as folder:
        source = Source(Path(folder), share=sizes.share)
        for number, section in enumerate(selected, start=1):
            with console.status(f"{number} of {len(selected)}: {section.name}"):
                result = run_section(section, source, sizes, device, limit_s - (time.perf_counter() - started))
            state = f"skipped: {result.skipped}" if result.skipped else f"{result.duration_s:.1f} s"
            console.print(f"{section.name}: {'FAILED, ' if result.failure else ''}{state}")
            if result.failure:
                console.print(result.failure, highlight=False, markup=False)
            results.append(result)
    return results


def conclusions(results: list[SectionResult], device_type: str) -> dict[str, Any]:
    """Draw from the figures which precision `auto` takes, and with how many folds on a GPU ten folds ended first."""
    rows = [row for result in results for row in result.measurements]
    auto = [row.case.removeprefix(AUTO) for row in rows if row.section == PRECISION and row.case.startswith(AUTO)]
    trials: list[Measurement] = [row for row in rows if row.section == FOLDS_AT_ONCE and device_type == "cuda"]
    fastest = min(trials, key=lambda row: row.value, default=None)
    return {
        "precision": auto[0] if auto else None,
        "folds_per_gpu": int(fastest.case) if fastest is not None else None,
    }


def table(results: list[SectionResult]) -> Table:
    """Tabulate all measurements, with bounds and verdicts, and what was skipped."""
    rows = Table("quantity", "case", "value", "bound", "", "computed from", title="GPU check", title_justify="left")
    for result in results:
        if result.skipped or result.failure:
            rows.add_row(result.name, "", "", "", "skipped" if result.skipped else "FAILED", result.skipped or "")
        for row in result.measurements:
            bound = "" if row.target is None else f"at most {row.target:g}"
            verdict = {None: "", True: "passed", False: "MISSED"}[row.passed]
            rows.add_row(row.section, row.case, f"{row.value:.3g} {row.unit}", bound, verdict, row.details)
    return rows
