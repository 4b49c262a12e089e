"""Cores of this machine that workers may use."""

import os

import psutil


def usable_cores() -> int:
    """Return the number of physical cores that this process may use, at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))


def slots_per_gpu(gpus: int) -> int:
    """Return how many folds a GPU computes at once, at most: a worker occupies a core, and GPUs share the cores."""
    return max(1, usable_cores() // gpus)
