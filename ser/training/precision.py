"""What a precision means on a device, and copies to a device that nobody waits for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ser.config import Precision
from ser.errors import ConfigurationError


def check_precision_supported(precision: Precision, device_type: str) -> None:
    """Refuses an arithmetic that a kind of device does not have.

    Args:
        precision: The arithmetic.
        device_type: 'cpu' or 'cuda'.

    Raises:
        ConfigurationError: `tf32` is asked for on a processor.
    """
    if precision == "tf32" and device_type != "cuda":
        raise ConfigurationError(f"precision tf32 is for graphics cards, and folds are computed on {device_type}")


@contextmanager
def precision_context(precision: Precision, device: torch.device) -> Iterator[None]:
    """Sets how a card rounds what goes into products of float32 numbers, for the time of the block.

    Torch lets cuDNN, which computes LSTMs and convolutions, round to TF32's ten bits unless told otherwise. Here
    only `tf32` does; `fp32`, and the layers of `bf16` that stay in float32, keep all bits. The
    settings are the process's: one thread of a process trains at a time.

    Args:
        precision: The arithmetic.
        device: Where the block computes; nothing is set for a processor.

    Raises:
        ConfigurationError: The device has no such arithmetic.
    """
    check_precision_supported(precision, device.type)
    if device.type != "cuda":
        yield
        return
    # Made at run time, so types do not know them.
    backends: Any = torch.backends
    places = (backends.cudnn.rnn, backends.cudnn.conv, backends.cuda.matmul)
    before = [place.fp32_precision for place in places]
    try:
        for place in places:
            place.fp32_precision = "tf32" if precision == "tf32" else "ieee"
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.fp32_precision = value
