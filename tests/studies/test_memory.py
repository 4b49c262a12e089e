"""A worker keeps its memory: the pages of a step are not asked for anew in the next."""

import subprocess
import sys

import pytest

from studies.executors.memory import keep_memory

# Blocks of the size of an LSTM layer's workspace, written and given back, as training steps do.
STEPS = """
import resource, sys
import torch
from studies.executors.memory import keep_memory
if sys.argv[1] == "keep":
    assert keep_memory()
torch.ones(16_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(16_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    ended = subprocess.run([sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True)
    return int(ended.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has the settings")
def test_steps_that_need_the_same_memory_fault_no_more() -> None:
    # Without the setting both are alike; a busy machine gives back and faults in a few pages of anything.
    assert page_faults("keep") * 10 < page_faults("return")


def test_other_systems_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_memory()
