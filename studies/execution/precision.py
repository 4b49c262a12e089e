"""Choosing bf16 or fp32 by running both: no processor's name says which is faster, or works at all."""

import json
from collections.abc import Callable
from pathlib import Path

import torch

from ser.config import Precision
from tracking.backend.file_lock import exclusive

WORTH_IT = 1.1
"""bf16 is taken where it is at least this many times as fast as fp32."""


def resolved_precision(facts: Path, processor: str, gain_of_bf16: Callable[[], float]) -> Precision:
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
    with exclusive(facts.with_suffix(".lock")):
        known = json.loads(facts.read_text()) if facts.is_file() else {}
        if key not in known:
            known[key] = "bf16" if gain_of_bf16() >= WORTH_IT else "fp32"
            partial = facts.with_suffix(".partial")
            partial.write_text(json.dumps(known, indent=2) + "\n")
            partial.replace(facts)
    return "bf16" if known[key] == "bf16" else "fp32"
