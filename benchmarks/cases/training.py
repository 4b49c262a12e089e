"""One epoch of training, one thread against one thread or one card against itself, and how much of it is used.

The reference's epoch does not count its features, which are measured by themselves.
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
from ser.training.optimizer import make_optimiser
from ser.training.trainer import FoldTraining
from studies.execution.malloc_tuning import malloc_environment

# A product of this size takes a core 20 ms or so, and a card the same with the larger one.
_PRODUCT, _CARD_PRODUCT = 1024, 8192
_PRODUCTS = 50


def ours(source: Source, configuration: FoldConfiguration, device: str) -> Work:
    """An epoch of this project; it ends with losses read back, so that no card still computes."""
    return _epochs(source, configuration, device, validated=False)


def validated(source: Source, configuration: FoldConfiguration, device: str) -> Work:
    """An epoch of this project and the scores of its validation speakers, as in a fold."""
    return _epochs(source, configuration, device, validated=True)


def _epochs(source: Source, configuration: FoldConfiguration, device: str, validated: bool) -> Work:
    torch.set_num_threads(1)
    data = source.open().data(configuration)
    training = FoldTraining(data, configuration, 1, torch.device(device))
    epochs = iter(range(1, 1_000_000))

    def epoch() -> None:
        training.train_epoch(next(epochs))
        if validated:
            training.score(training.average.weights(), data.validation)

    return epoch


def worker_side(
    prepare: Callable[[Source, FoldConfiguration, str], Work],
    source: Source,
    configuration: FoldConfiguration,
    device: str,
) -> BenchProcess:
    """A side whose process starts as a worker does, with its settings of memory."""
    with malloc_environment():
        return BenchProcess(prepare, source, configuration, device)


def reference(source: Source, configuration: FoldConfiguration, device: str) -> Work:
    """An epoch of the reference."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    data = source.open().data(configuration)
    network = ReferenceNetwork(configuration, data.classes).to(device)
    batches = random_batches(examples(data), configuration.batch_size, seed=1)
    optimiser = make_optimiser(configuration, network)

    def epoch() -> None:
        train_epoch(network, batches, optimiser, configuration.gradient_clip or float("inf"))

    return epoch


def product_rate(device: str) -> Work:
    """The rate of products of two square float32 matrices, in operations a second.

    Its median: an epoch does not meet the machine's best moments alone, either.
    """
    torch.set_num_threads(1)
    size = _CARD_PRODUCT if device.startswith("cuda") else _PRODUCT
    one, other = torch.randn(2, size, size, device=device).unbind()

    def rate() -> float:
        walls_s = []
        for _ in range(_PRODUCTS):
            started = time.perf_counter()
            one @ other
            if device.startswith("cuda"):
                torch.cuda.synchronize(device)
            walls_s.append(time.perf_counter() - started)
        return 2.0 * size**3 / statistics.median(walls_s)

    return rate


def useful_operations(source: Source, configuration: FoldConfiguration) -> float:
    """Multiplications and additions of matrix products that an epoch needs, none of them for padding.

    An LSTM's frame needs 4 cells x (inputs + cells) of each, forward; as much for the gradient by
    the weights, and for the gradient by the inputs, which the first layer's frames do without.
    """
    data = source.open().data(configuration)
    frames = float(data.view.lengths[data.training].sum())
    cells, inputs = configuration.cells, configuration.features.mel_bands * configuration.stack
    forward = 0.0
    for layer in range(configuration.layers):
        forward += 2 * 2 * 4 * cells * ((inputs if layer == 0 else 2 * cells) + cells)
    output = 2 * 2 * cells * (data.classes + 1)
    return frames * (3 * (forward + output) - 2 * 2 * 4 * cells * inputs)


def vs_reference(
    source: Source, configuration: FoldConfiguration, rounds: int, aim: float | None, device: str
) -> list[Measurement]:
    """The ratio of the two sides' epochs over the same utterances.

    Args:
        source: The workload.
        configuration: The model.
        rounds: How often each side runs.
        aim: The ratio that is good enough.
        device: Where both compute.
    """
    with (
        BenchProcess(reference, source, configuration, device) as theirs,
        worker_side(ours, source, configuration, device) as our,
    ):
        timed = run_interleaved({"reference": theirs, "ours": our}, rounds)
    reference_s, ours_s = median_s(timed["reference"]), median_s(timed["ours"])
    details = f"{ours_s:.2f} s against {reference_s:.2f} s, medians of {rounds}"
    case = case_label(source, configuration, device)
    return [
        Measurement("training epoch against the reference", case, reference_s / ours_s, "times", aim, details=details)
    ]


def peak_share(
    source: Source, configuration: FoldConfiguration, rounds: int, aim: float | None, device: str
) -> list[Measurement]:
    """The share of the machine's own rate of matrix products that whole epochs reach, after a first one.

    Args:
        source: The workload.
        configuration: The model.
        rounds: Epochs, each with a measurement of the rate before it.
        aim: The share that is good enough, in percent.
        device: Where it computes.
    """
    with BenchProcess(product_rate, device) as rate, worker_side(ours, source, configuration, device) as our:
        sides = {"rate": rate, "ours": our}
        run_interleaved(sides, 1)
        timed = run_interleaved(sides, rounds)
    machine, ours_s = statistics.median(each.returned for each in timed["rate"]), median_s(timed["ours"])
    share = useful_operations(source, configuration) / ours_s / machine
    details = f"{ours_s:.2f} s, {machine / 1e9:.0f} Gop/s, medians of {rounds}; useful operations over whole epochs"
    return [
        Measurement(
            "share of the matrix-product rate",
            case_label(source, configuration, device),
            100 * share,
            "%",
            aim,
            details=details,
        )
    ]


def against_none(source: Source, frame_ms: int, rounds: int, device: str) -> list[Measurement]:
    """What each attention's epoch costs over that of `none`, in percent; fp32, one thread or one card."""
    configurations = {"none": configuration_of("none", frame_ms)}
    for attention in ("local", "component", "quantum"):
        configurations[attention] = configuration_of(attention, frame_ms)
    configurations["component, window scores"] = configuration_of("component", frame_ms, component_score="window")
    with ExitStack() as stack:
        sides = {
            name: stack.enter_context(worker_side(ours, source, each, device)) for name, each in configurations.items()
        }
        timed = run_interleaved(sides, rounds)
    none_s = median_s(timed.pop("none"))
    return [
        Measurement(
            "cost of an attention over none",
            case_label(source, configurations[name], device),
            100 * (median_s(each) / none_s - 1),
            "%",
            30.0 if name == "component" and device == "cpu" else None,
            upper_bound=True,
            details=f"{median_s(each):.2f} s against {none_s:.2f} s, medians of {rounds}",
        )
        for name, each in timed.items()
    ]


def bf16_against_fp32(source: Source, frame_ms: int, rounds: int, device: str) -> list[Measurement]:
    """The gain of bf16, where the processor or card has it."""
    with (
        worker_side(ours, source, configuration_of("none", frame_ms), device) as fp32,
        worker_side(ours, source, configuration_of("none", frame_ms, precision="bf16"), device) as bf16,
    ):
        timed = run_interleaved({"fp32": fp32, "bf16": bf16}, rounds)
    fp32_s, bf16_s = median_s(timed["fp32"]), median_s(timed["bf16"])
    details = f"{bf16_s:.2f} s against {fp32_s:.2f} s, medians of {rounds}"
    case = case_label(source, configuration_of("none", frame_ms), device)
    return [Measurement("bf16 against fp32", case, fp32_s / bf16_s, "times", 1.3, details=details)]


def case_label(source: Source, configuration: FoldConfiguration, device: str) -> str:
    """Workload, frames and attention, as the tables name them, and a card."""
    attention = "component, window scores" if configuration.component_score == "window" else configuration.attention
    return f"{source.name}, {10 * configuration.stack} ms, {attention}{'' if device == 'cpu' else f', {device}'}"
