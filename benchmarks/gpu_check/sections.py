"""Sections of a check, each computed by a process of its own: an error of CUDA in one does not reach the next."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from benchmarks.gpu_check import agreement, environment, epochs, sharing, steps
from benchmarks.gpu_check.sizes import Sizes
from benchmarks.measurement import Measurement
from benchmarks.workloads import Source
from studies.execution.worker_processes import CallFailure, call_in_processes

Compute = Callable[[Source, Sizes, str], list[Measurement]]
"""Measures something of a workload, of a size, on a device."""


@dataclass(frozen=True)
class Section:
    """Section of a check.

    Attributes:
        name: Its name.
        compute: What it measures.
        needs_gpu: Whether a CPU skips it.
        starts_workers: Whether it starts workers itself, and computes nothing in its own process.
    """

    name: str
    compute: Compute
    needs_gpu: bool = False
    starts_workers: bool = False


SECTIONS = (
    Section("environment", environment.describe_environment),
    Section("agreement", agreement.compare_with_cpu),
    Section("precisions", epochs.time_precisions),
    Section("the same fold twice", agreement.compare_with_itself),
    Section("waits", steps.find_waits, needs_gpu=True),
    Section("profile", steps.profile_step),
    Section("layers", steps.time_layers),
    Section("ctc", steps.time_ctc),
    Section("epochs", epochs.time_epochs),
    Section("folds at once", sharing.train_side_by_side, starts_workers=True),
    Section("full GPU", sharing.train_on_full_gpu, needs_gpu=True, starts_workers=True),
)


@dataclass(frozen=True)
class SectionResult:
    """Result of a section.

    Attributes:
        name: Name of the section.
        duration_s: Its duration, in seconds.
        measurements: What it measured.
        skipped: Reason why it was not computed, or None.
        failure: Its traceback, or None.
    """

    name: str
    duration_s: float = 0.0
    measurements: tuple[Measurement, ...] = ()
    skipped: str | None = None
    failure: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the section as it stands in the results file."""
        return {
            "name": self.name,
            "duration_s": round(self.duration_s, 2),
            "skipped": self.skipped,
            "failure": self.failure,
            "rows": [measurement.as_json() for measurement in self.measurements],
        }


def run_section(section: Section, source: Source, sizes: Sizes, device: str, remaining_s: float) -> SectionResult:
    """Run one section.

    Args:
        section: The section.
        source: Its workload.
        sizes: Its amounts of work.
        device: 'cpu', or 'cuda:' and a GPU's entry in `CUDA_VISIBLE_DEVICES`.
        remaining_s: Time that is left to the check, in seconds.
    """
    device_type = device.partition(":")[0]
    if section.needs_gpu and device_type != "cuda":
        return SectionResult(section.name, skipped="needs a GPU")
    if remaining_s <= 0:
        return SectionResult(section.name, skipped="the time limit has passed")
    started = time.perf_counter()
    if section.starts_workers:
        answer = _call(partial(section.compute, source, sizes, device))
    else:
        work = partial(_compute_in_one_thread, section.compute, source, sizes, device_type)
        (answer,) = call_in_processes(work, [device], remaining_s)
    duration_s = time.perf_counter() - started
    if isinstance(answer, CallFailure):
        return SectionResult(section.name, duration_s, failure=answer.traceback)
    return SectionResult(section.name, duration_s, tuple(answer))


def _compute_in_one_thread(compute: Compute, source: Source, sizes: Sizes, device_type: str) -> list[Measurement]:
    """Compute as a worker does."""
    torch.set_num_threads(1)
    return compute(source, sizes, device_type)


def _call(work: Callable[[], list[Measurement]]) -> "list[Measurement] | CallFailure":
    """Run work in this process; its failure leaves the other sections' results."""
    try:
        return work()
    except RuntimeError as error:
        return CallFailure(str(error), f"RuntimeError: {error}")
