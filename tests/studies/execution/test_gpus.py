"""GPUs of a machine, none of which is there: their list, and what stands in the way of using them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ser.errors import StudyError
from studies.execution import gpus
from studies.execution.gpus import Gpu, GpuProblem, call_on_gpus, examine_gpus, usable_gpus, visible_gpu_ids

GIB = 2**30
LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa)
  MIG 3g.20gb     Device  0: (UUID: MIG-a1)
  MIG 3g.20gb     Device  1: (UUID: MIG-a2)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbbb)
"""

Listing = Callable[[str, int], None]


@pytest.fixture
def listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Listing:
    """Puts a stand-in for nvidia-smi on the path, which prints a text and ends with an exit code."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def write(text: str, exit_code: int) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\nexit {exit_code}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return write


def with_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(gpus, "_count_gpus", lambda: count)


def test_mig_instances_stand_for_their_gpu(monkeypatch: pytest.MonkeyPatch, listing: Listing) -> None:
    with_gpus(monkeypatch, 2)
    listing(LISTING, 0)
    assert visible_gpu_ids() == ("MIG-a1", "MIG-a2", "GPU-bbbb")


def test_without_the_drivers_tool_gpus_are_numbered(monkeypatch: pytest.MonkeyPatch, listing: Listing) -> None:
    with_gpus(monkeypatch, 2)
    listing("Failed to initialize NVML: Driver/library version mismatch\n", 18)
    assert visible_gpu_ids() == ("0", "1")
    monkeypatch.setenv("PATH", "")
    assert visible_gpu_ids() == ("0", "1")


@pytest.mark.parametrize(
    ("visible", "count", "expected"),
    [
        ("2,0", 2, ("2", "0")),
        ("0,1,-1,2", 2, ("0", "1")),
        ("GPU-bbbb", 1, ("GPU-bbbb",)),
        # CUDA itself finds no more than one MIG instance.
        ("MIG-a1, MIG-a2", 1, ("MIG-a1", "MIG-a2")),
        ("", 0, ()),
    ],
)
def test_gpus_are_those_that_the_environment_names(
    visible: str, count: int, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpus(monkeypatch, count)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert visible_gpu_ids() == expected


def describe_by_environment() -> tuple[str, int, int]:
    """Stands in for the look at a GPU, in its own process."""
    gpu = os.environ["CUDA_VISIBLE_DEVICES"]
    if gpu == "GPU-old":
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040).\nPlease update it.")
    if gpu == "GPU-dead":
        os._exit(6)
    return f"model of {gpu}", 80 * GIB, 79 * GIB


def test_every_gpu_is_tried_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "_describe_gpu", describe_by_environment)
    usable, problems = examine_gpus(("GPU-old", "GPU-dead", "MIG-a1"))
    assert usable == (Gpu("MIG-a1", "model of MIG-a1", 80 * GIB, 79 * GIB),)
    assert usable[0].device == "cuda:MIG-a1"
    assert problems == (
        GpuProblem("GPU-old", "RuntimeError: The NVIDIA driver on your system is too old (found version 11040)."),
        GpuProblem("GPU-dead", "the process that tried it died (exit code 6)"),
    )


def test_a_process_that_does_not_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "_TIMEOUT_S", 0.1)
    assert call_on_gpus(describe_by_environment, ["GPU-aaaa"]) == [GpuProblem("GPU-aaaa", "no answer in 0.1 s")]


def test_gpus_that_torch_cannot_use_end_in_one_line() -> None:
    """Counted by the driver's library, and of no use to torch: here because it was built without CUDA."""
    with pytest.raises(StudyError) as caught:
        usable_gpus(("0",))
    text = str(caught.value)
    assert text.startswith(f"torch {torch.__version__} cannot use the 1 GPU(s) of this machine (GPU 0: ")
    assert text.endswith("or compute on the CPU: --device cpu (with make: DEVICE=cpu)")
    assert "\n" not in text
