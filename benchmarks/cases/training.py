"""Training epochs vs. the reference, both in one thread or on one GPU, and their share of the machine's peak rate.

The reference's epoch does not include its features, which are measured separately.
"""

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack

import torch

from benchmarks.measurement import Measurement
from benchmarks.paired_processes import BenchProcess, Work, median_s, run_interleaved
from benchmarks.reference import ReferenceNetwork, random_batches, train_epoch
from benchmarks.workloads import Source, configuration_of, examples
from ser.config import FoldConfiguration
from ser.training.fold_training import FoldTraining
from ser.training.optimizer import make_optimiser
from studies.execution.malloc_tuning import malloc_environment

# A product of this size takes a core about 20 ms; the larger one takes a GPU as long.
_PRODUCT, _GPU_PRODUCT = 1024, 8192
_PRODUCTS = 50


def ours(source: Source, configuration: FoldConfiguration, device: str) -> Work:
    """Train an epoch by this project; it ends with losses read back, so that no GPU still computes."""
    return _epochs(source, configuration, device, validate=False)


def ours_validated(source: Source, configuration: FoldConfiguration, device: str) -> Work:
    """Train an epoch by this project and score its validation speakers, as in a fold."""
    return _epochs(source, configuration, device, validate=True)


def _epochs(source: Source, configuration: FoldConfiguration, device: str, validate: bool) -> Work:
    torch.set_num_threads(1)
    data = source.open().data(configuration)
    training = FoldTraining(data, configuration, 1, torch.device(device))
    epochs = iter(range(1, 1_000_000))

    def epoch() -> None:
        training.train_epoch(next(epochs))
        if validate:
            training.score(training.average.weights(), data.validation)

    return epoch


def worker_process(
    prepare: Callable[[Source, FoldConfiguration, str], Work],
    source: Source,
    configuration: FoldConfiguration,
    device: str,
) -> BenchProcess:
    """Start a process with a worker's memory settings."""
    with malloc_environment():
        return BenchProcess(prepare, source, configuration, device)


def reference(source: Source, configuration: FoldConfiguration, device: str) -> Work:
    """Train an epoch of the reference."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    data = source.open().data(configuration)
    network = ReferenceNetwork(configuration, data.classes).to(device)
    batches = random_batches(examples(data), configuration.batch_size, seed=1)
    optimizer = make_optimiser(configuration, network)

    def epoch() -> None:
        train_epoch(network, batches, optimizer, configuration.gradient_clip or float("inf"))

    return epoch


def product_rate(device: str) -> Work:
    """Measure the median rate of products of two square float32 matrices, in operations per second.

    The median, since an epoch does not run in the machine's best moments only, either.
    """
    torch.set_num_threads(1)
    size = _GPU_PRODUCT if device.startswith("cuda") else _PRODUCT
    left, right = torch.randn(2, size, size, device=device).unbind()

    def rate() -> float:
        walls_s = []
        for _ in range(_PRODUCTS):
            started = time.perf_counter()
            left @ right
            if device.startswith("cuda"):
                torch.cuda.synchronize(device)
            walls_s.append(time.perf_counter() - started)
        return 2.0 * size**3 / statistics.median(walls_s)

    return rate


def useful_operations(source: Source, configuration: FoldConfiguration) -> float:
    """Count multiplications and additions of the matrix products that an epoch needs, without padding.

    A frame of an LSTM needs 4 cells x (inputs + cells) of each in the forward pass, as many for the gradient of the
    weights, and for the gradient of the inputs, which the first layer does not need.
    """
    data = source.open().data(configuration)
    frames = float(data.features.lengths[data.training].sum())
    cells, inputs = configuration.cells, configuration.features.width * configuration.stack
    forward = 0.0
    for layer in range(configuration.layers):
        forward += 2 * 2 * 4 * cells * ((inputs if layer == 0 else 2 * cells) + cells)
    output = 2 * 2 * cells * (data.classes + 1)
    return frames * (3 * (forward + output) - 2 * 2 * 4 * cells * inputs)


def vs_reference(
    source: Source, configuration: FoldConfiguration, rounds: int, target: float | None, device: str
) -> list[Measurement]:
    """Measure the ratio of both sides' epochs over the same utterances.

    Args:
        source: The workload.
        configuration: The model.
        rounds: Runs of each side.
        target: Target of the ratio.
        device: Device of both sides.
    """
    with (
        BenchProcess(reference, source, configuration, device) as reference_process,
        worker_process(ours, source, configuration, device) as our_process,
    ):
        calls = run_interleaved({"reference": reference_process, "ours": our_process}, rounds)
    reference_s, ours_s = median_s(calls["reference"]), median_s(calls["ours"])
    details = f"{ours_s:.2f} s vs. {reference_s:.2f} s, medians of {rounds}"
    case = case_label(source, configuration, device)
    return [
        Measurement("training epoch vs. the reference", case, reference_s / ours_s, "times", target, details=details)
    ]


def peak_share(
    source: Source, configuration: FoldConfiguration, rounds: int, target: float | None, device: str
) -> list[Measurement]:
    """Measure the share of the machine's rate of matrix products that full epochs reach, after a first one.

    Args:
        source: The workload.
        configuration: The model.
        rounds: Epochs, each after a measurement of the rate.
        target: Target of the share, in percent.
        device: Device of both.
    """
    with (
        BenchProcess(product_rate, device) as rate_process,
        worker_process(ours, source, configuration, device) as our_process,
    ):
        processes = {"rate": rate_process, "ours": our_process}
        run_interleaved(processes, 1)
        calls = run_interleaved(processes, rounds)
    rate, ours_s = statistics.median(call.returned for call in calls["rate"]), median_s(calls["ours"])
    share = useful_operations(source, configuration) / ours_s / rate
    details = f"{ours_s:.2f} s, {rate / 1e9:.0f} Gop/s, medians of {rounds}; useful operations of full epochs"
    return [
        Measurement(
            "share of the matrix-product rate",
            case_label(source, configuration, device),
            100 * share,
            "%",
            target,
            details=details,
        )
    ]


def vs_none(source: Source, frame_ms: int, rounds: int, device: str) -> list[Measurement]:
    """Measure each attention's extra time per epoch over `none`, in percent; fp32, one thread or one GPU."""
    configurations = {"none": configuration_of("none", frame_ms)}
    for attention in ("local", "component", "quantum"):
        configurations[attention] = configuration_of(attention, frame_ms)
    configurations["component, window scores"] = configuration_of("component", frame_ms, component_score="window")
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(worker_process(ours, source, configuration, device))
            for name, configuration in configurations.items()
        }
        calls = run_interleaved(processes, rounds)
    none_s = median_s(calls.pop("none"))
    return [
        Measurement(
            "cost of an attention over none",
            case_label(source, configurations[name], device),
            100 * (median_s(attention_calls) / none_s - 1),
            "%",
            30.0 if name == "component" and device == "cpu" else None,
            upper_bound=True,
            details=f"{median_s(attention_calls):.2f} s vs. {none_s:.2f} s, medians of {rounds}",
        )
        for name, attention_calls in calls.items()
    ]


def bf16_vs_fp32(source: Source, frame_ms: int, rounds: int, device: str) -> list[Measurement]:
    """Measure the speedup of bf16, on a device that supports it."""
    with (
        worker_process(ours, source, configuration_of("none", frame_ms), device) as fp32_process,
        worker_process(ours, source, configuration_of("none", frame_ms, precision="bf16"), device) as bf16_process,
    ):
        calls = run_interleaved({"fp32": fp32_process, "bf16": bf16_process}, rounds)
    fp32_s, bf16_s = median_s(calls["fp32"]), median_s(calls["bf16"])
    details = f"{bf16_s:.2f} s vs. {fp32_s:.2f} s, medians of {rounds}"
    case = case_label(source, configuration_of("none", frame_ms), device)
    return [Measurement("bf16 vs. fp32", case, fp32_s / bf16_s, "times", 1.3, details=details)]


def case_label(source: Source, configuration: FoldConfiguration, device: str) -> str:
    """Name workload, frames and attention as in the tables, and a GPU."""
    attention = "component, window scores" if configuration.component_score == "window" else configuration.attention
    return f"{source.name}, {10 * configuration.stack} ms, {attention}{'' if device == 'cpu' else f', {device}'}"
