"""Whether bf16 pays, and that the choice is made once per machine."""

import json
from pathlib import Path

import pytest
import torch

from ser.errors import StudyError
from studies.execution import bf16_probe
from studies.execution.bf16_probe import bf16_speedup, choose_precision, runs_bf16
from tests.support.damaged_json import DAMAGED_JSON

PROCESSOR = "a processor"


def chosen(cache_file: Path, processor: str = PROCESSOR) -> str:
    return choose_precision(cache_file, processor, lambda: bf16_speedup("cpu"))


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
def test_bf16_is_chosen_where_it_is_clearly_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bf16_s: float | Exception, expected: str
) -> None:
    measuring(monkeypatch, 1.0, bf16_s)
    assert chosen(tmp_path / "machine.json") == expected


def test_a_machine_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_file = tmp_path / "deep" / "machine.json"
    assert measuring(monkeypatch, 1.0, 0.5) == []
    assert chosen(cache_file) == "bf16"
    assert len(json.loads(cache_file.read_text())) == 1
    again = measuring(monkeypatch, 1.0, 2.0)
    assert chosen(cache_file) == "bf16"
    assert again == []


def test_another_processor_or_torch_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_file = tmp_path / "machine.json"
    measuring(monkeypatch, 1.0, 0.5)
    assert chosen(cache_file) == "bf16"
    measuring(monkeypatch, 1.0, 2.0)
    monkeypatch.setattr(torch, "__version__", "0.0")
    assert chosen(cache_file) == "fp32"
    assert chosen(cache_file, "another processor") == "fp32"
    assert len(json.loads(cache_file.read_text())) == 3


@pytest.mark.parametrize(
    "content", [*DAMAGED_JSON.values(), b'{"precision": "fp16"}', b'{"precision": {}}'], ids=[*DAMAGED_JSON, "?", "{}"]
)
def test_a_damaged_file_of_choices_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    cache_file = tmp_path / "machine.json"
    cache_file.write_bytes(content)
    measuring(monkeypatch, 1.0, 0.5)
    with pytest.raises(StudyError, match=r"machine\.json: expected .*; delete the file, and") as caught:
        chosen(cache_file)
    assert "\n" not in str(caught.value)
    assert cache_file.read_bytes() == content


def test_the_probe_restores_the_number_of_threads(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    assert chosen(tmp_path / "machine.json") in ("fp32", "bf16")
    assert torch.get_num_threads() == threads


def test_bf16_runs_unless_the_processor_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    for bf16_s, runs in ((0.5, True), (2.0, True), (RuntimeError("no bf16 here"), False)):
        measuring(monkeypatch, 1.0, bf16_s)
        assert runs_bf16(torch.device("cpu")) == runs
