"""Errors of CUDA, told apart by what helps against them: less memory at once, or another process."""

import re

import torch

_OUT_OF_MEMORY = re.compile(
    r"CUDA(?: driver)? error: out of memory|CUDA out of memory|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation"
    r"|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|CUDNN_STATUS_NOT_INITIALIZED"
)
"""Lack of GPU memory in torch's allocator, the driver, cuBLAS and cuDNN, which needs memory to initialize."""

_REFUSED = re.compile(r"CUDA-capable device(?:\(s\)|s)? (?:is/)?are busy or unavailable|cudaErrorDevicesUnavailable")
"""A GPU in exclusive mode has another process on it."""

_CUDA = re.compile(r"CUDA(?: driver| runtime)? error|CUDA_ERROR_|cudaError|CUDNN_STATUS_|CUBLAS_STATUS_|CUFFT_|NVRTC_")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error is a lack of GPU memory, whichever library ran out of it."""
    return isinstance(error, torch.OutOfMemoryError) or _OUT_OF_MEMORY.search(str(error)) is not None


def is_gpu_full(error: BaseException) -> bool:
    """Return whether a GPU had no room: no memory, or in exclusive mode no place for a further process."""
    return is_out_of_memory(error) or _REFUSED.search(str(error)) is not None


def is_cuda_error(error: BaseException) -> bool:
    """Return whether an error came from CUDA or a library on it, lack of memory included."""
    if isinstance(error, torch.OutOfMemoryError | torch.AcceleratorError):
        return True
    text = str(error)
    return any(pattern.search(text) is not None for pattern in (_CUDA, _OUT_OF_MEMORY, _REFUSED))


def breaks_cuda(error: BaseException) -> bool:
    """Return whether CUDA is of no more use to a process after an error.

    Most errors, such as an illegal memory access, are sticky: every later call fails with them, until the process ends.
    A lack of memory is not; whether it hides a sticky error is asked of the driver.
    """
    if not is_cuda_error(error):
        return False
    if not is_out_of_memory(error):
        return True
    try:
        release_gpu_memory()
    except RuntimeError:
        return True
    return False


def release_gpu_memory() -> None:
    """Return the memory that torch has cached to the GPU; nothing happens where CUDA was never used.

    Raises:
        RuntimeError: A sticky error came before.
    """
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
