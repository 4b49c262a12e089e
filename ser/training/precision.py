"""Precision of arithmetic (fp32, tf32, bf16) on a device."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

from ser.config import FoldConfiguration, Precision
from ser.errors import ConfigurationError


def check_precision_supported(precision: Precision, device_type: str) -> None:
    """Refuse a precision that a type of device does not have.

    Raises:
        ConfigurationError: `tf32` is asked for on a CPU.
    """
    if precision == "tf32" and device_type != "cuda":
        raise ConfigurationError(f"precision 'tf32' needs a GPU; this study runs on {device_type}")


@cache
def cpu_runs_bf16() -> bool:
    """Return whether this processor computes LSTMs in bf16, forward and backward; only running one tells."""
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad(), torch.autocast("cpu", torch.bfloat16):
            outputs, _ = torch.nn.LSTM(5, 4, batch_first=True)(torch.zeros(2, 4, 5))
        outputs.sum().backward()
    except RuntimeError:
        return False
    return True


def for_cpu(configuration: FoldConfiguration) -> FoldConfiguration:
    """Return a configuration with an arithmetic that this CPU has.

    That is float32 for tf32, whose numbers are float32, too, and for bf16 on processors that do not compute in it.
    """
    precision = configuration.precision
    lacking = precision == "tf32" or (precision == "bf16" and not cpu_runs_bf16())
    return configuration.model_copy(update={"precision": "fp32"}) if lacking else configuration


@contextmanager
def precision_context(precision: Precision, device: torch.device) -> Iterator[None]:
    """Set how a GPU rounds the factors of float32 products, for the time of the block.

    Torch lets cuDNN, which computes LSTMs and convolutions, round to TF32's ten bits unless told otherwise. Here
    only `tf32` does; `fp32`, and the layers of `bf16` that stay in float32, keep all bits. The
    settings are the process's: one thread of a process trains at a time.

    Args:
        precision: The arithmetic.
        device: Where the block computes; nothing is set on a CPU.

    Raises:
        ConfigurationError: The device has no such arithmetic.
    """
    check_precision_supported(precision, device.type)
    if device.type != "cuda":
        yield
        return
    # Made at run time, so types do not know them.
    backends: Any = torch.backends
    operations = (backends.cudnn.rnn, backends.cudnn.conv, backends.cuda.matmul)
    before = [operation.fp32_precision for operation in operations]
    try:
        for operation in operations:
            operation.fp32_precision = "tf32" if precision == "tf32" else "ieee"
        yield
    finally:
        for operation, value in zip(operations, before, strict=True):
            operation.fp32_precision = value
