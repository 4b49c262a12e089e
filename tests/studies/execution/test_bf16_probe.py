import json
from pathlib import Path

import pytest
import torch

from studies.execution import bf16_probe
from studies.execution.bf16_probe import bf16_speedup, choose_precision, runs_bf16
from studies.execution.devices import default_worker_devices, usable_cores

PROCESSOR = "a processor"


def resolved(facts: Path, processor: str = PROCESSOR) -> str:
    return choose_precision(facts, processor, lambda: bf16_speedup("cpu"))


def measuring(monkeypatch: pytest.MonkeyPatch, fp32_s: float, bf16_s: float | Exception) -> list[str]:
    """Stands in for the probe's clock; returns what was measured."""
    measured: list[str] = []

    def step_s(which: str, device: torch.device, rounds: int = 5) -> float:
        measured.append(which)
        if which == "fp32":
            return fp32_s
        if isinstance(bf16_s, Exception):
            raise bf16_s
        return bf16_s

    monkeypatch.setattr(bf16_probe, "_step_s", step_s)
    return measured


@pytest.mark.parametrize(
    ("bf16_s", "expected"),
    [(0.5, "bf16"), (0.9, "bf16"), (0.95, "fp32"), (2.0, "fp32"), (RuntimeError("no bf16 here"), "fp32")],
)
def test_bf16_is_taken_where_it_runs_clearly_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bf16_s: float | Exception, expected: str
) -> None:
    measuring(monkeypatch, 1.0, bf16_s)
    assert resolved(tmp_path / "machine.json") == expected


def test_a_machine_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = tmp_path / "deep" / "machine.json"
    assert measuring(monkeypatch, 1.0, 0.5) == []
    assert resolved(facts) == "bf16"
    assert len(json.loads(facts.read_text())) == 1
    again = measuring(monkeypatch, 1.0, 2.0)
    assert resolved(facts) == "bf16"
    assert again == []


def test_another_processor_or_torch_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = tmp_path / "machine.json"
    measuring(monkeypatch, 1.0, 0.5)
    assert resolved(facts) == "bf16"
    measuring(monkeypatch, 1.0, 2.0)
    monkeypatch.setattr(torch, "__version__", "0.0")
    assert resolved(facts) == "fp32"
    assert resolved(facts, "another processor") == "fp32"
    assert len(json.loads(facts.read_text())) == 3


def test_the_probe_runs_here_and_leaves_the_threads_alone(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    assert resolved(tmp_path / "machine.json") in ("fp32", "bf16")
    assert torch.get_num_threads() == threads


def test_workers_are_one_a_core_or_as_many_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert default_worker_devices(None) == ("cpu",) * usable_cores()
    assert default_worker_devices(3) == ("cpu", "cpu", "cpu")


def test_graphics_cards_are_shared_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert default_worker_devices(3) == ("cuda:0", "cuda:1", "cuda:0")


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    for physical, expected in ((64, 3), (2, 2), (None, 3)):
        monkeypatch.setattr("psutil.cpu_count", lambda logical, count=physical: count)
        assert usable_cores() == expected


def test_whether_bf16_runs_is_the_processors_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    for bf16_s, runs in ((0.5, True), (2.0, True), (RuntimeError("no bf16 here"), False)):
        measuring(monkeypatch, 1.0, bf16_s)
        assert runs_bf16(torch.device("cpu")) == runs
