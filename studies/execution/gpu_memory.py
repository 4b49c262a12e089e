"""Memory that a fold takes of a GPU, as the first fold on it was seen to need, and the folds that fit beside it."""

from dataclasses import dataclass

_USABLE_SHARE = 0.9
"""Share of the free GPU memory that is given out: blocks of different sizes leave gaps."""


@dataclass(frozen=True)
class GpuMemory:
    """Memory of a GPU on which a fold has been computed alone.

    Attributes:
        needed_bytes: Most memory that was in use, by the fold with its CUDA context and by other programs.
        free_bytes: The rest.
    """

    needed_bytes: int
    free_bytes: int

    def further_folds(self) -> int:
        """Return how many folds like the first one fit beside it.

        Examples:
            >>> GpuMemory(needed_bytes=10, free_bytes=70).further_folds()
            6
        """
        return int(_USABLE_SHARE * self.free_bytes / self.needed_bytes)


def measure_gpu_memory() -> GpuMemory:
    """Measure the memory of this process's GPU, with the most that torch has held of it so far."""
    import torch

    free_bytes, total_bytes = torch.cuda.mem_get_info()
    returned_bytes = torch.cuda.max_memory_reserved() - torch.cuda.memory_reserved()
    return GpuMemory(total_bytes - free_bytes + returned_bytes, free_bytes - returned_bytes)
