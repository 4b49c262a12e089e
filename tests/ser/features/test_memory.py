"""Memory that is free goes back to the system, also between blocks that stay."""

import sys
from pathlib import Path

import numpy as np
import pytest

from ser.corpora.corpus import Utterance
from ser.features.frontends.pretrained import front_end as front_end_module
from ser.features.frontends.pretrained.front_end import PretrainedFrontEnd, pretrained_settings
from ser.features.memory import return_free_memory
from tests.support.tiny_encoders import write_encoder

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


def test_an_encoder_returns_at_once_what_more_than_four_seconds_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = str(write_encoder(tmp_path / "encoder", "wavlm"))
    front_end = PretrainedFrontEnd.open(pretrained_settings(location, [1], None, download=False), location)
    front_end.load()
    returned: list[bool] = []
    monkeypatch.setattr(front_end_module, "return_free_memory", lambda: returned.append(True))
    for samples, times in ((64_000, 0), (64_001, 1)):
        front_end.compute(Utterance("a", Path("a.wav"), "s", "joy"), np.zeros(samples, dtype=np.float32))
        assert len(returned) == times
