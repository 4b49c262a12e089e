"""The check of a GPU, which few machines have, run on a CPU with little work."""

import json
import subprocess
import sys
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from benchmarks.gpu_check import agreement, command, epochs, options, sections, sharing, steps
from benchmarks.gpu_check.command import conclusions
from benchmarks.gpu_check.sections import SECTIONS, Section, SectionResult, run_section
from benchmarks.gpu_check.sharing import FOLDS_AT_ONCE
from benchmarks.gpu_check.sizes import CPU_SIZES, Sizes
from benchmarks.measurement import Measurement
from benchmarks.workloads import Source
from ser.model.blstm import BidirectionalLayer
from ser.model.packing import build_layout
from studies.storages.home import Home
from tests.support.bf16 import require_bf16
from tests.support.stand_in_gpu import stand_in_gpu

ROOT = Path(__file__).resolve().parents[2]
TINY = replace(CPU_SIZES, share=0.02, cells=3, layer_cells=(4,), frames=20, rounds=1)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source(tmp_path_factory.mktemp("gpu-check"), share=TINY.share)


def failing(source: Source, sizes: Sizes, device: str) -> list[Measurement]:
    raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")


def measuring(source: Source, sizes: Sizes, device: str) -> list[Measurement]:
    return [Measurement("threads", device, torch.get_num_threads(), "")]


def test_a_cpu_agrees_with_itself_and_rounds_in_bf16(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    require_bf16()
    monkeypatch.setattr(agreement, "_MODELS", {"quantum": {"attention": "quantum"}})
    measured = {row.case: row for row in agreement.compare_with_cpu(source, TINY, "cpu")}
    assert set(measured) == {f"quantum, {c}, {p}" for c in ("ctc", "cross_entropy") for p in ("fp32", "bf16")}
    assert measured["quantum, ctc, fp32"].value == 0
    assert 0 < measured["quantum, ctc, bf16"].value < 0.1
    assert measured["quantum, ctc, bf16"].passed
    assert "cells in torch.bfloat16" in measured["quantum, ctc, bf16"].details


def test_cells_in_the_wrong_type_fail_the_check(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    compute = agreement._compute_step
    monkeypatch.setattr(agreement, "_compute_step", lambda *a: replace(compute(*a), cells_type=torch.float16))
    with pytest.raises(RuntimeError, match=r"none, ctc, fp32: LSTM cells computed in torch.float16, expected"):
        agreement.compare_with_cpu(source, TINY, "cpu")


def test_the_same_fold_twice_is_the_same_on_a_cpu(source: Source) -> None:
    (row,) = agreement.compare_with_itself(source, TINY, "cpu")
    assert (row.value, row.passed) == (0, True)


def test_two_streams_compute_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    layer, lengths = BidirectionalLayer(5, 3), torch.tensor([7, 4])
    layout = build_layout(((7, 2),), torch.arange(2), lengths, 7)
    rows = torch.randn(14, 5, requires_grad=True)
    both = steps.run_on_two_streams(layer, rows, layout, None), layer(rows, layout)
    assert torch.equal(*both)
    gradients = [torch.autograd.grad(output.square().sum(), rows)[0] for output in both]
    torch.testing.assert_close(*gradients)


def test_steps_of_every_precision_are_timed(source: Source) -> None:
    require_bf16()
    cases = {row.case: row.value for row in steps.time_layers(source, TINY, "cpu")}
    assert set(cases) == {f"batch 8, 4 cells, {name}" for name in ("fp32, ours", "fp32, packed nn.LSTM", "bf16, ours")}
    assert min(cases.values()) > 0
    assert len(steps.time_ctc(source, TINY, "cpu")) == 2


def test_a_step_is_profiled_by_kernels(source: Source) -> None:
    rows = steps.profile_step(source, TINY, "cpu")
    assert {row.case for row in rows[:2]} == {"busy share", "launches"}
    assert any("rnn" in row.case or "lstm" in row.case for row in rows)


def test_what_needs_a_gpu_is_skipped_on_a_cpu(source: Source) -> None:
    skipped = [section.name for section in SECTIONS if section.needs_gpu]
    assert skipped == ["waits", "full GPU"]
    for section in SECTIONS:
        if section.needs_gpu:
            assert run_section(section, source, TINY, "cpu", 100).skipped == "needs a GPU"
    assert run_section(SECTIONS[0], source, TINY, "cpu", 0).skipped == "the time limit has passed"


def test_a_section_that_fails_leaves_the_others(source: Source) -> None:
    for workers in (False, True):
        result = run_section(Section("broken", failing, starts_workers=workers), source, TINY, "cpu", 100)
        assert result.failure is not None
        assert "an illegal memory access" in result.failure
    result = run_section(Section("threads", measuring), source, TINY, "cpu", 100)
    assert [(row.case, row.value) for row in result.measurements] == [("cpu", 1)]


def claim_to_fill(free_bytes: int, pipe: Connection) -> None:
    """Stands in for the process that fills a GPU."""
    pipe.send(77 * 2**30)
    pipe.poll(None)


def test_folds_on_a_full_gpu_all_end(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="the process that fills the GPU died"):
        sharing.train_on_full_gpu(source, TINY, "cpu")
    monkeypatch.setattr(sharing, "_fill", claim_to_fill)
    (row,) = sharing.train_on_full_gpu(source, TINY, "cpu")
    assert (row.value, row.passed) == (0, True)
    assert row.details.startswith("77.0 GiB filled; all 4 folds have ended, in ")


def test_the_figures_say_precision_and_folds_per_gpu() -> None:
    auto = Measurement(epochs.PRECISION, f"{epochs.AUTO}tf32", 1.8, "times")
    trials = [Measurement(FOLDS_AT_ONCE, str(n), wall_s, "s") for n, wall_s in ((1, 9.0), (8, 3.0), (16, 4.0))]
    results = [
        SectionResult("a", 1.0, (auto,)),
        SectionResult("b", 1.0, tuple(trials)),
        SectionResult("c", skipped="x"),
    ]
    assert conclusions(results, "cuda") == {"precision": "tf32", "folds_per_gpu": 8}
    assert conclusions(results, "cpu") == {"precision": "tf32", "folds_per_gpu": None}
    assert conclusions([], "cuda") == {"precision": None, "folds_per_gpu": None}


def test_the_command_writes_json_and_fails_with_a_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.command()(options.main)
    quick = (Section("threads", measuring), Section("waits", failing, needs_gpu=True))
    for module in (command, sections):
        monkeypatch.setattr(module, "SECTIONS", quick)
    arguments = ["--device", "cpu", "--home", str(tmp_path), "--share", "0.02", "--workers", "1", "--workers", "3"]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 0, answer.output
    content = json.loads((tmp_path / "gpu-check-cpu.json").read_text())
    assert [section["skipped"] for section in content["sections"]] == [None, "needs a GPU"]
    assert (content["sizes"]["share"], content["sizes"]["workers"]) == (0.02, [1, 3])
    monkeypatch.setattr(command, "SECTIONS", (Section("broken", failing, starts_workers=True),))
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 1
    assert "FAILED" in answer.output


def test_a_gpu_that_is_not_there_ends_the_check_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.command()(options.main)
    for device, text in (("cuda", "sees no GPU"), ("gpu", "unknown device 'gpu'; valid: cpu, cuda")):
        answer = CliRunner().invoke(app, ["--device", device])
        assert answer.exit_code == 1
        assert text in answer.output.replace("\n", " ")


def test_the_doctor_finds_the_figures_of_a_gpu(tmp_path: Path) -> None:
    assert Home(tmp_path).gpu_check == tmp_path / command.GPU_FILE


def test_the_check_needs_neither_tracker_nor_search() -> None:
    foreign = ("mlflow", "optuna", "ray", "pandas", "soundfile", "sqlalchemy")
    code = f"import sys, benchmarks.gpu_check.command; print([name for name in {foreign} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout.strip()) == (0, "[]"), answer.stderr


def test_precisions_of_a_gpu_are_compared_with_the_cpu(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "_MODELS", {"none": {"attention": "none"}})
    monkeypatch.setattr(agreement, "_CRITERIA", ("ctc",))
    with stand_in_gpu(monkeypatch) as cell_types:
        rows = agreement.compare_with_cpu(source, TINY, "cuda")
    assert [row.case for row in rows] == [f"none, ctc, {precision}" for precision in ("fp32", "tf32", "bf16")]
    assert torch.bfloat16 in cell_types
    assert all(row.passed for row in rows)
