"""Stand-in for a GPU: tensors that say they lie on one, and are computed on the CPU."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from typing_extensions import override

GPU = torch.device("cuda:0")
CPU = torch.device("cpu")


class _OnGpu(TorchFunctionMode):
    """Lets every tensor name the GPU as its device, and creates on the CPU what is asked for on the GPU.

    LSTM cells follow torch's rule for GPUs (ATen/cudnn/AutocastRNN.cpp): under autocast they compute in float16,
    whatever type autocast was asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cell_types: list[torch.dtype] = []

    @override
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func == Tensor.device.__get__:  # type: ignore[attr-defined]
            return GPU
        if func is Tensor.pin_memory:
            return args[0]
        moved = [CPU if isinstance(argument, torch.device) else argument for argument in args]
        named = {
            name: CPU if name == "device" and value is not None else value for name, value in (kwargs or {}).items()
        }
        if getattr(func, "__name__", "") == "lstm":
            return self._lstm(func, *moved)
        return func(*moved, **named)

    def _lstm(self, lstm: Callable[..., Any], rows: Tensor, states: Any, weights: Any, *settings: Any) -> Any:
        kind = torch.float16 if torch.is_autocast_enabled("cuda") else rows.dtype
        self.cell_types.append(kind)
        inputs = rows.to(kind), [state.to(kind) for state in states], [weight.to(kind) for weight in weights]
        with torch.backends.mkldnn.flags(enabled=False):
            return lstm(*inputs, *settings)


@contextmanager
def stand_in_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[torch.dtype]]:
    """Compute on a stand-in for a GPU for the time of the block; its types of LSTM cells are listed as they come."""
    # Else autocast for GPUs stays off.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *arguments: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "stand-in")
    with _OnGpu() as gpu:
        yield gpu.cell_types
