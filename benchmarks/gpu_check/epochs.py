"""Epochs with validation beside the plain reference, and the speed of precisions as `auto` measures it."""

import time

from benchmarks.cases.training import ours_validated, reference
from benchmarks.gpu_check.sizes import Sizes
from benchmarks.measurement import Measurement
from benchmarks.paired_processes import Work
from benchmarks.workloads import Source, configuration_of
from studies.execution.precision_probe import fastest_precision, measure_speedups

PRECISION = "speed of precisions"
AUTO = "auto takes "


def time_epochs(source: Source, sizes: Sizes, device_type: str) -> list[Measurement]:
    """Time an epoch with validation, at 10 and 30 ms, of `none` and `component`, and one of packed `nn.LSTM`.

    The reference's epoch has no validation.
    """
    measurements = []
    for frame_ms in (10, 30):
        for attention in ("none", "component"):
            configuration = configuration_of(attention, frame_ms, cells=sizes.cells)
            ours_s = _second_s(ours_validated(source, configuration, device_type))
            reference_s = _second_s(reference(source, configuration, device_type))
            case = f"{source.name}, {frame_ms} ms, {attention}, {sizes.cells} cells"
            details = f"{ours_s:.2f} s with validation vs. {reference_s:.2f} s"
            measurements.append(
                Measurement("an epoch vs. packed nn.LSTM", case, reference_s / ours_s, "times", details=details)
            )
    return measurements


def time_precisions(source: Source, sizes: Sizes, device_type: str) -> list[Measurement]:
    """Measure the speed of precisions as precision `auto` does, with the one that it takes."""
    speedups = measure_speedups(device_type)
    chosen = fastest_precision(speedups)
    return [
        *(Measurement(PRECISION, f"{name} vs. fp32", speedup, "times") for name, speedup in speedups.items()),
        Measurement(PRECISION, f"{AUTO}{chosen}", speedups.get(chosen, 1.0), "times"),
    ]


def _second_s(epoch: Work) -> float:
    """Return the duration of an epoch after a first one, in seconds."""
    epoch()
    started = time.perf_counter()
    epoch()
    return time.perf_counter() - started
