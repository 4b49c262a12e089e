"""Which precisions pay, and that the choice is made once per machine."""

import json
from pathlib import Path

import pytest
import torch

from ser.config import Precision
from ser.errors import StudyError, TrainingError
from studies.execution import precision_probe
from studies.execution.precision_probe import (
    choose_precision,
    common_speedups,
    fastest_precision,
    measure_speedups,
    runs_bf16,
)
from tests.support.damaged_json import DAMAGED_JSON

PROCESSOR = "a processor"

REFUSED = RuntimeError("no bf16 here")


def chosen(cache_file: Path, processor: str = PROCESSOR, device_type: str = "cpu") -> str:
    return choose_precision(cache_file, processor, lambda: measure_speedups(device_type))


def measuring(monkeypatch: pytest.MonkeyPatch, **steps_s: float | Exception) -> list[str]:
    """Stands in for the probe's clock; returns what was measured."""
    measured: list[str] = []

    def step_s(precision: Precision, device: torch.device, rounds: int = 5) -> float:
        measured.append(precision)
        duration_s = steps_s[precision]
        if isinstance(duration_s, Exception):
            raise duration_s
        return duration_s

    monkeypatch.setattr(precision_probe, "_step_s", step_s)
    return measured


@pytest.mark.parametrize(
    ("bf16_s", "expected"), [(0.5, "bf16"), (0.9, "bf16"), (0.95, "fp32"), (2.0, "fp32"), (REFUSED, "fp32")]
)
def test_bf16_is_chosen_where_it_is_clearly_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bf16_s: float | Exception, expected: str
) -> None:
    measuring(monkeypatch, fp32=1.0, bf16=bf16_s)
    assert chosen(tmp_path / "machine.json") == expected


@pytest.mark.parametrize(
    ("tf32_s", "bf16_s", "expected"),
    [
        (0.5, 0.4, "bf16"),
        (0.4, 0.5, "tf32"),
        (0.95, 1.5, "fp32"),
        (0.6, REFUSED, "tf32"),
        # Torch would compute in float16: not what was asked for, however fast.
        (0.8, TrainingError("torch 2.13.0 computed LSTM cells in torch.float16, not in torch.bfloat16"), "tf32"),
    ],
)
def test_the_fastest_precision_of_a_gpu_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tf32_s: float, bf16_s: float | Exception, expected: str
) -> None:
    measured = measuring(monkeypatch, fp32=1.0, tf32=tf32_s, bf16=bf16_s)
    assert chosen(tmp_path / "machine.json", device_type="cuda") == expected
    assert measured == ["fp32", "tf32", "bf16"]


def test_a_full_gpu_does_not_count_as_one_without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    measuring(monkeypatch, fp32=1.0, tf32=1.0, bf16=torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(torch.OutOfMemoryError):
        measure_speedups("cuda")


def test_unlike_gpus_get_the_precision_that_suits_all() -> None:
    new: dict[Precision, float] = {"tf32": 2.0, "bf16": 3.0}
    assert common_speedups([new, {"tf32": 1.5, "bf16": 4.0}]) == {"tf32": 1.5, "bf16": 3.0}
    assert fastest_precision(common_speedups([new, {"tf32": 1.0}])) == "fp32"
    assert common_speedups([new]) == new


def test_a_machine_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_file = tmp_path / "deep" / "machine.json"
    measuring(monkeypatch, fp32=1.0, bf16=0.5)
    assert chosen(cache_file) == "bf16"
    assert len(json.loads(cache_file.read_text())) == 1
    again = measuring(monkeypatch, fp32=1.0, bf16=2.0)
    assert chosen(cache_file) == "bf16"
    assert again == []


def test_another_processor_or_torch_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_file = tmp_path / "machine.json"
    measuring(monkeypatch, fp32=1.0, bf16=0.5)
    assert chosen(cache_file) == "bf16"
    measuring(monkeypatch, fp32=1.0, bf16=2.0)
    monkeypatch.setattr(precision_probe, "installed_torch_version", lambda: "0.0")
    assert chosen(cache_file) == "fp32"
    assert chosen(cache_file, "another processor") == "fp32"
    assert len(json.loads(cache_file.read_text())) == 3


@pytest.mark.parametrize(
    "content", [*DAMAGED_JSON.values(), b'{"precision": "fp16"}', b'{"precision": {}}'], ids=[*DAMAGED_JSON, "?", "{}"]
)
def test_a_damaged_file_of_choices_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    cache_file = tmp_path / "machine.json"
    cache_file.write_bytes(content)
    measuring(monkeypatch, fp32=1.0, bf16=0.5)
    with pytest.raises(StudyError, match=r"machine\.json: expected .*; delete the file, and") as caught:
        chosen(cache_file)
    assert "\n" not in str(caught.value)
    assert cache_file.read_bytes() == content


def test_the_probe_restores_the_number_of_threads(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    assert chosen(tmp_path / "machine.json") in ("fp32", "bf16")
    assert torch.get_num_threads() == threads


def test_bf16_runs_unless_the_processor_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    for bf16_s, runs in ((0.5, True), (2.0, True), (REFUSED, False)):
        measuring(monkeypatch, fp32=1.0, bf16=bf16_s)
        assert runs_bf16(torch.device("cpu")) == runs
