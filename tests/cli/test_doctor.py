"""`ser doctor` on this machine."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest
import torch
from typer.testing import CliRunner

from ser.errors import StorageError
from studies.cli import doctor as module
from studies.cli.doctor import findings
from studies.cli.main import app
from studies.execution import devices, gpus, worker_processes
from studies.execution.devices import usable_cores
from studies.execution.gpus import Gpu, GpuProblem


def test_doctor_prints_a_row_for_every_finding(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", "--home", str(tmp_path)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    for name, _ in findings(tmp_path):
        assert name in result.output
    assert version("torch") in result.output


def test_findings_hold_versions_and_machine(tmp_path: Path) -> None:
    values = dict(findings(tmp_path))
    assert values["python"] == platform.python_version()
    for package in ("ser-studies", "torch", "optuna", "mlflow"):
        assert values[package] == version(package)
    assert values["physical cores"] == str(psutil.cpu_count(logical=False))
    assert values["device"].startswith(("cpu", "cuda"))
    assert values["disk"].endswith(f"GiB free for {tmp_path.resolve()}")
    assert values["workers"].startswith(f"{usable_cores()} ")


def test_gpus_and_their_problems_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu("GPU-aaaa", "NVIDIA H100", 80 * 2**30, 79 * 2**30)
    monkeypatch.setattr(module, "visible_gpu_ids", lambda: ("GPU-aaaa", "1"))
    monkeypatch.setattr(module, "examine_gpus", lambda ids: ((gpu,), (GpuProblem("1", "no kernel image"),)))
    monkeypatch.setattr(devices, "usable_cores", lambda: 6)
    values = dict(findings(tmp_path))
    assert values["device"] == "cuda"
    assert values["GPU GPU-aaaa"] == "NVIDIA H100, 79.0 GiB free of 80.0 GiB"
    assert values["GPU 1"] == "cannot be used: no kernel image"
    assert values["workers"] == "1 (one per GPU, up to 6 once an epoch has shown how much memory a fold takes)"


def test_a_driver_that_torch_cannot_use_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The driver's library counts a GPU, and torch cannot use it: an old driver, or as here a build without CUDA.
    monkeypatch.setattr(gpus, "_count_gpus", lambda: 1)
    # It is tried in a process of its own, here in a forked one: a new interpreter takes seconds.
    monkeypatch.setattr(worker_processes, "SPAWN", worker_processes.FORKSERVER)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    result = CliRunner().invoke(app, ["doctor", "--home", str(tmp_path)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "cannot be used: " in result.output
    assert "one per physical core, with --device cpu or DEVICE=cpu" in result.output


def test_the_figures_of_a_gpu_check_are_shown(tmp_path: Path) -> None:
    assert "GPU check" not in dict(findings(tmp_path))
    figures = {
        "started": "2026-11-28T18:00:00+00:00",
        "device": "NVIDIA H100",
        "torch": "2.13.0",
        "conclusions": {"precision": "tf32", "folds_per_gpu": 8},
    }
    (tmp_path / "gpu-check.json").write_text(json.dumps(figures))
    assert dict(findings(tmp_path))["GPU check"] == (
        "NVIDIA H100: precision tf32, 8 folds per GPU (measured 2026-11-28, torch 2.13.0)"
    )
    (tmp_path / "gpu-check.json").write_text("{}")
    with pytest.raises(StorageError, match=r"gpu-check.json: expected the figures of `make gpu-check`"):
        findings(tmp_path)


def test_help_shows_an_example() -> None:
    result = CliRunner().invoke(app, ["doctor", "--help"])
    assert result.exit_code == 0
    assert "ser doctor --home" in result.output


def test_the_disk_of_a_missing_data_folder_is_measured(tmp_path: Path) -> None:
    assert dict(findings(tmp_path / "not" / "yet"))["disk"].endswith(str(tmp_path / "not" / "yet"))


def test_workers_are_never_more_than_the_processors_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert usable_cores() == 3
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 2)
    assert usable_cores() == 2


def test_instruction_sets_are_read_from_the_systems_list(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 avx512f\n\nmodel name\t: Other\n")
    model, flags = module._cpuinfo(cpuinfo)
    assert model == "Some CPU"
    assert {"avx2", "avx512f"} <= flags
    assert "avx512_bf16" not in flags
    assert module._cpuinfo(tmp_path / "none") == ("", frozenset())


def test_a_package_that_is_not_there_is_said_so() -> None:
    assert module._version("no-such-package-at-all") == "not installed"
