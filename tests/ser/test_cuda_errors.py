"""Errors of CUDA by what helps against them; the texts are those of torch 2.13, the CUDA runtime and cuDNN."""

import pytest
import torch

from ser.cuda_errors import breaks_cuda, is_cuda_error, is_gpu_full, is_out_of_memory
from ser.errors import ConfigurationError, TrainingError

NO_MEMORY = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB"),
    torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("CUDA runtime error (2): cudaErrorMemoryAllocation"),
)
STICKY = (
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be"),
    torch.AcceleratorError("CUDA error: device-side assert triggered"),
    RuntimeError("CUDA error: unspecified launch failure"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(...)`"),
)
REFUSED = (
    torch.AcceleratorError("CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
    torch.AcceleratorError("CUDA error: all CUDA-capable devices are busy or unavailable"),
)
OTHER = (
    MemoryError(),
    RuntimeError("shape '[2, 3]' is invalid for input of size 5"),
    TrainingError("fold f1, epoch 3: expected finite numbers, but training_loss is nan"),
    ConfigurationError("precision 'tf32' needs a GPU; this study runs on cpu"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
)


@pytest.mark.parametrize("error", NO_MEMORY, ids=str)
def test_lack_of_memory_has_many_faces(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert is_gpu_full(error)
    assert is_cuda_error(error)
    assert not breaks_cuda(error)


@pytest.mark.parametrize("error", STICKY, ids=str)
def test_any_other_cuda_error_breaks_the_process(error: Exception) -> None:
    assert not is_gpu_full(error)
    assert breaks_cuda(error)


@pytest.mark.parametrize("error", REFUSED, ids=str)
def test_a_gpu_in_exclusive_mode_refuses_a_process(error: Exception) -> None:
    assert is_gpu_full(error)
    assert not is_out_of_memory(error)
    assert breaks_cuda(error)


@pytest.mark.parametrize("error", OTHER, ids=str)
def test_other_errors_are_not_cudas(error: Exception) -> None:
    assert not is_cuda_error(error)
    assert not breaks_cuda(error)


def test_a_sticky_error_behind_a_lack_of_memory_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def sticky() -> None:
        raise STICKY[0]

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", sticky)
    assert breaks_cuda(NO_MEMORY[3])
