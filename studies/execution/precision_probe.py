"""Probe of precisions: which a training step runs in, and how much faster than in fp32.

Only what measures imports torch: the choice is read from a file at most starts.
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from ser.config import FoldConfiguration, Precision
from ser.errors import StudyError, TrainingError
from ser.files import atomic_write, file_lock, parse_json_object
from ser.identity import installed_torch_version

if TYPE_CHECKING:
    import torch

_ROUNDS = 5
_CHOICES = TypeAdapter(dict[str, Precision])

MIN_SPEEDUP = 1.1
"""Precision `auto` means the fastest one that is at least this many times as fast as fp32."""

REDUCED_PRECISIONS: Mapping[str, tuple[Precision, ...]] = {"cpu": ("bf16",), "cuda": ("tf32", "bf16")}
"""Precisions besides fp32, by type of device."""


def measure_speedups(device_type: str) -> dict[Precision, float]:
    """Measure how many times as fast as in fp32 a training step is in each precision that the device runs.

    Args:
        device_type: 'cpu' or 'cuda'.
    """
    import torch

    device = torch.device(device_type)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        fp32_s = _step_s("fp32", device)
        steps_s = {precision: _step_s_if_it_runs(precision, device) for precision in REDUCED_PRECISIONS[device_type]}
        return {precision: fp32_s / step_s for precision, step_s in steps_s.items() if step_s is not None}
    finally:
        torch.set_num_threads(threads)


def measure_gpu_speedups() -> dict[Precision, float]:
    """Measure the speedups on this process's GPU; see `measure_speedups`."""
    return measure_speedups("cuda")


def common_speedups(speedups: list[dict[Precision, float]]) -> dict[Precision, float]:
    """Return the speedup on the slowest of several devices, of each precision that all of them run."""
    common = set(speedups[0]).intersection(*speedups)
    return {precision: min(device[precision] for device in speedups) for precision in sorted(common)}


def runs_bf16(device: "torch.device") -> bool:
    """Return whether a training step in bf16 runs at all."""
    return _step_s_if_it_runs("bf16", device, rounds=1) is not None


def _step_s_if_it_runs(precision: Precision, device: "torch.device", rounds: int = _ROUNDS) -> float | None:
    """Return what `_step_s` does, or None for a precision that the device refuses or computes in another type."""
    try:
        return _step_s(precision, device, rounds)
    except (RuntimeError, TrainingError) as error:
        # Processors without bf16 arithmetic refuse an LSTM in it: that is the answer, not a fault.
        from ser.cuda_errors import is_out_of_memory

        if is_out_of_memory(error):
            raise
        return None


def _step_s(precision: Precision, device: "torch.device", rounds: int = _ROUNDS) -> float:
    """Return the shortest duration of a few training steps, in seconds."""
    import torch

    from ser.model.network import SpeechEmotionNetwork
    from ser.training.precision import precision_context

    configuration = FoldConfiguration.parse(
        attention="none", labels="words", loss_scale="utterance", decision="posterior", precision=precision
    )
    network = SpeechEmotionNetwork(configuration, emotions=4).to(device)
    frames = torch.zeros(32, 100, configuration.features.width * configuration.stack, device=device)
    # Different lengths, so that recurrent layers take the path of padded batches, as they do in a fold.
    lengths = torch.tensor([100] * 16 + [40] * 16, device=device)
    durations = []
    for _ in range(rounds):
        started = time.perf_counter()
        with precision_context(precision, device):
            network(frames, lengths).sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        durations.append(time.perf_counter() - started)
    return min(durations)


def fastest_precision(speedups: Mapping[Precision, float]) -> Precision:
    """Return the precision that `auto` means: fp32, unless another one is at least `MIN_SPEEDUP` times as fast.

    Args:
        speedups: How many times as fast as fp32 each other precision is.
    """
    fastest = max(speedups, key=lambda precision: speedups[precision], default=None)
    return fastest if fastest is not None and speedups[fastest] >= MIN_SPEEDUP else "fp32"


def choose_precision(cache_file: Path, processor: str, measure: Callable[[], Mapping[Precision, float]]) -> Precision:
    """Choose the precision that `auto` stands for on a kind of processor, measured once.

    The choice is stored, so that every study trains the same folds: two probes of one machine could disagree.

    Args:
        cache_file: JSON file of earlier choices.
        processor: Name of the CPU or GPU that computes folds; all names, where they differ.
        measure: Measures how many times as fast as fp32 each other precision is there.

    Raises:
        StudyError: The file holds something else.
    """
    key = f"precision of {processor}, torch {installed_torch_version()}"
    with file_lock(cache_file.with_suffix(".lock")):
        choices = _read_choices(cache_file)
        if key not in choices:
            choices[key] = fastest_precision(measure())
            atomic_write(cache_file, json.dumps(choices, indent=2) + "\n", durable=True)
    return choices[key]


def _read_choices(cache_file: Path) -> dict[str, Precision]:
    """Read the choices of earlier studies, none where there is no file."""
    try:
        return _CHOICES.validate_python(parse_json_object(cache_file.read_bytes()))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        reason = "it holds other values" if isinstance(error, ValidationError) else str(error)
        raise StudyError(
            f"{cache_file}: expected the precision that was chosen for this machine, found something else ({reason}); "
            "delete the file, and the next study measures again"
        ) from None
