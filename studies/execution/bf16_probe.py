"""Probe of bf16: whether a training step runs in it, and how much faster than in fp32."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError

from ser.config import FoldConfiguration, Precision
from ser.errors import StudyError
from ser.files import atomic_write, file_lock, parse_json_object
from ser.model.network import SpeechEmotionNetwork
from ser.training.precision import precision_context

_ROUNDS = 5
_CHOICES = TypeAdapter(dict[str, Precision])

MIN_BF16_SPEEDUP = 1.1
"""Precision `auto` means bf16 if that is at least this many times as fast as fp32."""


def bf16_speedup(device: str) -> float:
    """Measure how many times as fast as fp32 a training step in bf16 is; 0 where it does not run.

    Args:
        device: Device, such as 'cpu' or 'cuda:0'.
    """
    torch_device = torch.device(device)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        fp32_s = _step_s("fp32", torch_device)
        try:
            bf16_s = _step_s("bf16", torch_device)
        except RuntimeError:
            # Processors without bf16 arithmetic refuse an LSTM in it: that is the answer, not a fault.
            return 0.0
        return fp32_s / bf16_s
    finally:
        torch.set_num_threads(threads)


def runs_bf16(device: torch.device) -> bool:
    """Return whether a training step in bf16 runs at all."""
    try:
        _step_s("bf16", device, rounds=1)
    except RuntimeError:
        return False
    return True


def _step_s(precision: Precision, device: torch.device, rounds: int = _ROUNDS) -> float:
    """Return the shortest duration of a few training steps, in seconds."""
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


def choose_precision(cache_file: Path, processor: str, measure_speedup: Callable[[], float]) -> Precision:
    """Choose the precision that `auto` stands for on a kind of processor, measured once.

    The choice is stored, so that every study trains the same folds: two probes of one machine could disagree.

    Args:
        cache_file: JSON file of earlier choices.
        processor: Name of the CPU or GPU that computes folds.
        measure_speedup: Measures how many times as fast as fp32 bf16 is there; 0 where it does not run.

    Returns:
        `bf16` if a training step in it is at least `MIN_BF16_SPEEDUP` times as fast as in fp32, else `fp32`.

    Raises:
        StudyError: The file holds something else.
    """
    key = f"precision of {processor}, torch {torch.__version__}"
    with file_lock(cache_file.with_suffix(".lock")):
        choices = _read_choices(cache_file)
        if key not in choices:
            choices[key] = "bf16" if measure_speedup() >= MIN_BF16_SPEEDUP else "fp32"
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
