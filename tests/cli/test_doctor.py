"""`ser doctor` on this machine."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest
import torch
from typer.testing import CliRunner

from studies.cli import doctor as module
from studies.cli.doctor import findings
from studies.cli.main import app
from studies.execution import devices
from studies.execution.devices import default_worker_devices, largest_fold_bytes, usable_cores


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


def test_gpus_are_shared_as_far_as_memory_and_cores_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda gpu: ((80, 8)[gpu] * 2**30, 80 * 2**30))
    monkeypatch.setattr(devices, "usable_cores", lambda: 6)
    assert default_worker_devices(None) == ("cuda:0", "cuda:1") + ("cuda:0",) * 4
    needed = f"{largest_fold_bytes() / 2**30:.1f}"
    assert module._workers() == (
        f"6 (5 on cuda:0, 1 on cuda:1: a fold takes up to {needed} GiB by estimate, free are 80.0, 8.0 GiB; "
        "no more than physical cores)"
    )


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
