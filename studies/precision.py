"""Choosing bf16 or fp32 by running both: no processor's name says which is faster, or works at all."""

import json
import time
from pathlib import Path

import torch

from ser.config import FoldConfiguration, Precision
from ser.model.network import SpeechEmotionNetwork
from studies.machine import device_name
from tracking.connection import exclusive

WORTH_IT = 1.1
"""bf16 is taken where it is at least this many times as fast as fp32."""

_ROUNDS = 5


def resolved_precision(facts: Path, device: torch.device) -> Precision:
    """What `auto` stands for on this machine, measured once and kept.

    It is kept so that every study on this machine trains the same folds: two probes of one machine
    could disagree.

    Args:
        facts: JSON file of what was measured of this machine.
        device: Where folds are computed.

    Returns:
        `bf16` where a training step runs in it, and faster than in fp32; else `fp32`.
    """
    key = f"precision of {device_name(str(device))}, torch {torch.__version__}"
    with exclusive(facts.with_suffix(".lock")):
        known = json.loads(facts.read_text()) if facts.is_file() else {}
        if key not in known:
            known[key] = "bf16" if _gain_of_bf16(device) >= WORTH_IT else "fp32"
            partial = facts.with_suffix(".partial")
            partial.write_text(json.dumps(known, indent=2) + "\n")
            partial.replace(facts)
    return "bf16" if known[key] == "bf16" else "fp32"


def _gain_of_bf16(device: torch.device) -> float:
    """How many times as fast as fp32 a step in bf16 is; 0 where it does not run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        fp32_s = _step_s("fp32", device)
        try:
            bf16_s = _step_s("bf16", device)
        except RuntimeError:
            # Processors without bf16 arithmetic refuse an LSTM in it: that is the answer, not a fault.
            return 0.0
        return fp32_s / bf16_s
    finally:
        torch.set_num_threads(threads)


def _step_s(precision: Precision, device: torch.device) -> float:
    """The shortest of a few training steps' durations, in seconds."""
    configuration = FoldConfiguration.of(
        attention="none", labels="words", loss_scale="utterance", decision="posterior", precision=precision
    )
    network = SpeechEmotionNetwork(configuration, emotions=4).to(device)
    frames = torch.zeros(32, 100, configuration.features.mel_bands * configuration.stack, device=device)
    lengths = torch.full((32,), 100, device=device)
    durations = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        network(frames, lengths).sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        durations.append(time.perf_counter() - started)
    return min(durations)
