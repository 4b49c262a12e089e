"""Memory that is free goes back to the system, also between blocks that stay."""

import sys
from pathlib import Path

import numpy as np
import pytest

from ser.features.memory import return_free_memory

_MEBIBYTE = 2**20


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the memory of the process from /proc")
def test_gaps_between_blocks_that_stay_are_returned() -> None:
    if not return_free_memory():
        pytest.skip("the C library is not glibc")
    # Below the size from which glibc maps each block, and so returns it by itself.
    blocks = [np.ones(100_000, dtype=np.uint8) for _ in range(1000)]
    staying = blocks[::10]
    blocks.clear()
    before = resident_bytes()
    return_free_memory()
    assert before - resident_bytes() > 50 * _MEBIBYTE
    assert all(block.all() for block in staying)
