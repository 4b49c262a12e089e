"""What a study computes on: CPUs or GPUs of this machine, which its coordinator does not touch."""

import os
from collections.abc import Callable, Sequence

import pytest
import torch

from ser.config import Precision
from ser.devices import cpu_name
from ser.errors import ConfigurationError, StudyError
from studies.execution import backends, devices, gpus, precision_probe
from studies.execution.backends import Backend, GpuBackend, LocalBackend, open_backend
from studies.execution.gpus import Gpu, GpuProblem
from tests.support.fold_tasks import Folds
from tests.support.ray_nodes import requirements_of

MODELS = {"GPU-a": "NVIDIA H100", "GPU-b": "NVIDIA H100", "MIG-c": "NVIDIA A100 MIG 3g.20gb"}


def describe() -> tuple[str, int, int]:
    """Stands in for the look at a GPU, in its own process."""
    gpu = os.environ["CUDA_VISIBLE_DEVICES"]
    if gpu not in MODELS:
        raise RuntimeError("no kernel image is available for execution on the device")
    return MODELS[gpu], 10, 10


def speedups() -> dict[Precision, float]:
    """Stands in for the measurement on a GPU: the MIG instance is slower in bf16."""
    return {"tf32": 1.5, "bf16": 1.2 if os.environ["CUDA_VISIBLE_DEVICES"] == "MIG-c" else 3.0}


def call_here(function: Callable[[], object], ids: Sequence[str]) -> list[object]:
    """Stands in for one process per GPU, each of which would take seconds to start."""
    answers = list[object]()
    for gpu in ids:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CUDA_VISIBLE_DEVICES", gpu)
            try:
                answers.append(function())
            except RuntimeError as error:
                answers.append(GpuProblem(gpu, f"RuntimeError: {error}"))
    return answers


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with unlike GPUs, whose coordinator fails where it uses CUDA."""

    def touched(*arguments: object, **named: object) -> None:
        raise AssertionError("the coordinator uses CUDA")

    for name in ("init", "mem_get_info", "get_device_name", "get_device_properties", "synchronize", "is_available"):
        monkeypatch.setattr(torch.cuda, name, touched)
    monkeypatch.setattr(gpus, "_count_gpus", lambda: 4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,MIG-c,GPU-display")
    monkeypatch.setattr(gpus, "_describe_gpu", describe)
    monkeypatch.setattr(backends, "measure_gpu_speedups", speedups)
    monkeypatch.setattr(devices, "usable_cores", lambda: 9)
    for module in (gpus, backends):
        monkeypatch.setattr(module, "call_on_gpus", call_here)


def opened(**options: object) -> Backend:
    with open_backend("local", **{"workers": None, "gpus": None, **options}) as backend:  # type: ignore[arg-type]
        return backend


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> Folds:
    return Folds(tmp_path_factory.mktemp("backends"))


@pytest.mark.usefixtures("machine")
def test_every_gpu_counts_and_the_coordinator_touches_none(folds: Folds) -> None:
    backend, messages = opened(), list[str]()
    assert isinstance(backend, GpuBackend)
    assert (backend.device_type, backend.processor) == ("cuda", "NVIDIA A100 MIG 3g.20gb | NVIDIA H100")
    assert backend.speedups() == {"tf32": 1.5, "bf16": 1.2}
    executor = backend.executor(requirements_of(folds.corpus, folds.store), messages.append)
    assert executor.slots == 3
    assert messages == [
        "not used: GPU GPU-display: RuntimeError: no kernel image is available for execution on the device"
    ]


@pytest.mark.usefixtures("machine")
def test_workers_take_gpus_in_turn(folds: Folds) -> None:
    backend = opened(workers=2)
    assert backend.processor == "NVIDIA H100"
    executor = opened(workers=5).executor(requirements_of(folds.corpus, folds.store), print)
    assert [slot.device for slot in executor._slots] == [  # type: ignore[attr-defined]
        *("cuda:GPU-a", "cuda:GPU-b", "cuda:MIG-c", "cuda:GPU-a", "cuda:GPU-b")
    ]


@pytest.mark.usefixtures("machine")
def test_a_gpu_that_fails_while_it_is_measured_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = GpuBackend((Gpu("GPU-x", "NVIDIA X", 1, 1),), (), None)
    monkeypatch.setattr(backends, "measure_gpu_speedups", describe)
    with pytest.raises(StudyError, match=r"set it \(--set precision=fp32\): GPU GPU-x: RuntimeError: no kernel image"):
        backend.speedups()


@pytest.mark.usefixtures("machine")
def test_the_cpu_is_used_where_the_user_says_so() -> None:
    backend = opened(device="cpu", workers=2)
    assert isinstance(backend, LocalBackend)
    assert (backend.device_type, backend.processor) == ("cpu", cpu_name())


def test_gpus_that_cannot_be_used_are_not_replaced_by_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's library counts a GPU, and torch cannot use it: an old driver, or as here a build without CUDA."""
    monkeypatch.setattr(gpus, "_count_gpus", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(StudyError, match=r"cannot use the 1 GPU\(s\) of this machine .* \(with make: DEVICE=cpu\)$"):
        opened()
    assert isinstance(opened(device="cpu"), LocalBackend)


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "_count_gpus", lambda: 0)
    assert isinstance(opened(), LocalBackend)
    with pytest.raises(StudyError, match=r"^--device cuda: torch .* sees no GPU on this machine$"):
        opened(device="cuda")


def test_unknown_and_contradictory_devices_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown device 'gpu'.*; valid: cpu, cuda"):
        opened(device="gpu")
    for device, share, text in (("cpu", 0.5, "--device is cpu"), ("cuda", 0.0, "--device is cuda")):
        with pytest.raises(ConfigurationError, match=text), open_backend("ray", None, share, device):
            pass


def test_speedups_of_a_cpu_are_measured_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_probe, "_step_s", lambda precision, *rest: 2.0 if precision == "fp32" else 1.0)
    assert LocalBackend(("cpu",)).speedups() == {"bf16": 2.0}
