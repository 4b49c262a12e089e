"""Single steps: what waits for the GPU, which kernels run, and how long a layer and CTC take."""

import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu_check.sizes import Sizes, precisions, synchronize
from benchmarks.measurement import Measurement
from benchmarks.workloads import Source, configuration_of
from ser.config import Precision
from ser.model.blstm import BidirectionalLayer
from ser.model.losses import ctc_losses
from ser.model.packing import PackedLayout, pack_batch
from ser.training.fold_training import FoldTraining
from ser.training.precision import precision_context

_KERNELS = 12
_BATCH = 32
_CTC_FRAMES, _CTC_CLASSES = 1000, 4
_CTC_TARGETS = (32, 320)


def _training_of_one_step(source: Source, sizes: Sizes, device_type: str) -> FoldTraining:
    """Return a training whose epoch is one step."""
    configuration = configuration_of("none", 10, cells=sizes.cells)
    data = source.open().data(configuration)
    data = replace(data, training=data.training[: configuration.batch_size])
    return FoldTraining(data, configuration, 1, torch.device(device_type))


def find_waits(source: Source, sizes: Sizes, device_type: str) -> list[Measurement]:
    """List the lines on which a training step waits for the GPU; an epoch's end, which reads losses back, is one."""
    training = _training_of_one_step(source, sizes, device_type)
    training.train_epoch(1)
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            training.train_epoch(2)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [warning for warning in caught if "synchronizing" in str(warning.message)]
    lines = Counter(f"{Path(warning.filename).name}:{warning.lineno}" for warning in waits)
    return [Measurement("waits for the GPU in one step", line, count, "") for line, count in lines.most_common()]


def profile_step(source: Source, sizes: Sizes, device_type: str) -> list[Measurement]:
    """Profile one step: kernels by name with launches and time, and the share of the step that the GPU computes.

    On a CPU the operators stand for kernels.
    """
    training, device = _training_of_one_step(source, sizes, device_type), torch.device(device_type)
    training.train_epoch(1)
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device_type == "cuda")
    started = time.perf_counter()
    with profile(activities=activities) as profiler:
        training.train_epoch(2)
        synchronize(device)
    wall_us = 1e6 * (time.perf_counter() - started)
    events = profiler.key_averages()
    if device_type == "cuda":
        kernels = [(e.key, e.count, e.self_device_time_total) for e in events if e.device_type.name == "CUDA"]
    else:
        kernels = [(e.key, e.count, e.self_cpu_time_total) for e in events]
    kernels.sort(key=lambda kernel: kernel[2], reverse=True)
    busy_us, launches = sum(us for _, _, us in kernels), sum(count for _, count, _ in kernels)
    return [
        Measurement("one step", "busy share", 100 * busy_us / wall_us, "%", details=f"{wall_us:.0f} us, profiled"),
        Measurement("one step", "launches", launches, ""),
        *(
            Measurement("kernels of one step", name[:80], us, "us", details=f"{count} launches")
            for name, count, us in kernels[:_KERNELS]
        ),
    ]


def run_on_two_streams(
    layer: BidirectionalLayer, rows: Tensor, layout: PackedLayout, side: "torch.cuda.Stream | None"
) -> Tensor:
    """Compute what a layer does, its directions at the same time on two streams of a GPU; one after the other on a CPU.

    Args:
        layer: The layer.
        rows: Input frames, shape `(row, input)`.
        layout: Where they lie; one segment.
        side: Stream of the backward direction, or None for the current one.
    """
    ((frames, utterances),) = layout.segments
    current = None if side is None else torch.cuda.current_stream()
    if side is not None and current is not None:
        side.wait_stream(current)
        # The allocator may not give its memory away while the side stream reads it.
        rows.record_stream(side)
    with torch.cuda.stream(side):
        turned = rows.index_select(0, layout.reversed_index)
        behind = layer.backward_cells(turned.view(frames, utterances, -1))[0].reshape(len(rows), -1)
        behind = behind.index_select(0, layout.reversed_index)
    ahead = layer.forward_cells(rows.view(frames, utterances, -1))[0].reshape(len(rows), -1)
    if side is not None and current is not None:
        current.wait_stream(side)
        behind.record_stream(current)
    return torch.cat([ahead, behind], dim=-1)


def time_layers(source: Source, sizes: Sizes, device_type: str) -> list[Measurement]:
    """Time one BLSTM layer, forward and backward, per frame: ours, packed `nn.LSTM`, and ours on two streams."""
    measurements = []
    for batch in sizes.batches:
        for cells in sizes.layer_cells:
            for precision in precisions(device_type):
                measurements += _time_layer(sizes, torch.device(device_type), batch, cells, precision)
    return measurements


def _time_layer(sizes: Sizes, device: torch.device, batch: int, cells: int, precision: Precision) -> list[Measurement]:
    """Time the variants of a layer whose inputs are the outputs of another one."""
    frames, inputs = sizes.frames, 2 * cells
    # Lengths of a batch of like utterances: some padding, as in training.
    lengths = torch.linspace(0.8 * frames, frames, batch).round().long()
    layer = BidirectionalLayer(inputs, cells).to(device)
    packed = nn.LSTM(inputs, cells, bidirectional=True).to(device)
    layout = pack_batch(lengths.to(device), frames)
    rows = torch.randn(len(layout.utterances), inputs, device=device, requires_grad=True)
    padded = torch.randn(frames, batch, inputs, device=device, requires_grad=True)
    cells_type = torch.bfloat16 if precision == "bf16" and device.type == "cuda" else None

    def compute_packed() -> Tensor:
        output: Tensor = packed(pack_padded_sequence(padded, lengths, enforce_sorted=False))[0].data
        return output

    variants: dict[str, Callable[[], Tensor]] = {"ours": lambda: layer(rows, layout, cells_type)}
    if precision != "bf16":
        variants["packed nn.LSTM"] = compute_packed
        if device.type == "cuda":
            side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            variants["two streams"] = lambda: run_on_two_streams(layer, rows, layout, side)
    case = f"batch {batch}, {cells} cells, {precision}"
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16" and device.type == "cpu")
    with autocast, precision_context(precision, device):
        return [
            Measurement(
                "a layer, forward and backward, per frame",
                f"{case}, {name}",
                1e6 * _shortest_s(compute, sizes.rounds, device) / frames,
                "us",
            )
            for name, compute in variants.items()
        ]


def time_ctc(source: Source, sizes: Sizes, device_type: str) -> list[Measurement]:
    """Time CTC, forward and backward, of a batch with short and with long targets."""
    device = torch.device(device_type)
    scores = torch.randn(_BATCH, _CTC_FRAMES, 1 + _CTC_CLASSES, device=device, requires_grad=True)
    lengths, emotions = torch.full((_BATCH,), _CTC_FRAMES), torch.arange(_BATCH, device=device) % _CTC_CLASSES
    measurements = []
    for targets in _CTC_TARGETS:
        counts = torch.full((_BATCH,), targets)

        def compute(counts: Tensor = counts) -> Tensor:
            return ctc_losses(scores.log_softmax(dim=-1), lengths, emotions, counts)

        measurements.append(
            Measurement(
                "CTC, forward and backward",
                f"batch {_BATCH}, {_CTC_FRAMES} frames, {targets} labels",
                1e3 * _shortest_s(compute, sizes.rounds, device),
                "ms",
            )
        )
    return measurements


def _shortest_s(compute: Callable[[], Tensor], rounds: int, device: torch.device) -> float:
    """Return the shortest duration of computing something and its gradient, after a first round, in seconds."""
    durations_s = []
    for _ in range(1 + rounds):
        started = time.perf_counter()
        compute().sum().backward()  # type: ignore[no-untyped-call]
        synchronize(device)
        durations_s.append(time.perf_counter() - started)
    return min(durations_s[1:])
