"""Whether and how much faster a training step runs in bf16; measured where folds are computed."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import torch

from ser.config import FoldConfiguration, Precision
from ser.model.network import SpeechEmotionNetwork
from ser.training.precision import precision_context
from tracking.backend.file_lock import file_lock

_ROUNDS = 5


def bf16_speedup(device: str) -> float:
    """How many times as fast as fp32 a step in bf16 is; 0 where it does not run.

    Args:
        device: Where to compute, such as 'cpu' or 'cuda:0'.
    """
    where = torch.device(device)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        fp32_s = _step_s("fp32", where)
        try:
            bf16_s = _step_s("bf16", where)
        except RuntimeError:
            # Processors without bf16 arithmetic refuse an LSTM in it: that is the answer, not a fault.
            return 0.0
        return fp32_s / bf16_s
    finally:
        torch.set_num_threads(threads)


def runs_bf16(device: torch.device) -> bool:
    """Whether a training step in bf16 runs at all."""
    try:
        _step_s("bf16", device, rounds=1)
    except RuntimeError:
        return False
    return True


def _step_s(precision: Precision, device: torch.device, rounds: int = _ROUNDS) -> float:
    """The shortest of a few training steps' durations, in seconds."""
    configuration = FoldConfiguration.parse(
        attention="none", labels="words", loss_scale="utterance", decision="posterior", precision=precision
    )
    network = SpeechEmotionNetwork(configuration, emotions=4).to(device)
    frames = torch.zeros(32, 100, configuration.features.mel_bands * configuration.stack, device=device)
    # Unlike lengths, so that recurrent layers go on from states of their own, as they do in a fold.
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


MIN_BF16_SPEEDUP = 1.1
"""bf16 is taken where it is at least this many times as fast as fp32."""


def choose_precision(facts: Path, processor: str, gain_of_bf16: Callable[[], float]) -> Precision:
    """What `auto` stands for on a kind of processor, measured once and kept.

    It is kept so that every study trains the same folds: two probes of one machine could disagree.

    Args:
        facts: JSON file of what was measured.
        processor: Name of the processor or card that computes folds.
        gain_of_bf16: Measures there how many times as fast as fp32 bf16 is; 0 where it does not run.

    Returns:
        `bf16` where a training step runs in it, and faster than in fp32; else `fp32`.
    """
    key = f"precision of {processor}, torch {torch.__version__}"
    with file_lock(facts.with_suffix(".lock")):
        known = json.loads(facts.read_text()) if facts.is_file() else {}
        if key not in known:
            known[key] = "bf16" if gain_of_bf16() >= MIN_BF16_SPEEDUP else "fp32"
            partial = facts.with_suffix(".partial")
            partial.write_text(json.dumps(known, indent=2) + "\n")
            partial.replace(facts)
    return "bf16" if known[key] == "bf16" else "fp32"
