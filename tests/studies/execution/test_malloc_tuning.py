"""A worker retains its memory: the pages of one step are used again in the next."""

import os
import subprocess
import sys
from contextlib import nullcontext
from functools import cache

import pytest

from studies.execution.malloc_tuning import malloc_environment, tune_malloc

# Blocks of the size of an LSTM layer's workspace, written and given back, as training steps do.
STEPS = """
import resource, sys
import torch
from studies.execution.malloc_tuning import tune_malloc
if sys.argv[1] == "tuned":
    assert tune_malloc()
torch.ones(16_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(16_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@cache
def page_faults(how: str) -> int:
    with malloc_environment() if how == "environment" else nullcontext():
        ended = subprocess.run([sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True)
    return int(ended.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has the settings")
@pytest.mark.parametrize("how", ["environment", "tuned"])
def test_steps_that_need_the_same_memory_fault_no_more(how: str) -> None:
    # Without the setting both are alike; a busy machine gives back and faults in a few pages of anything.
    assert page_faults(how) * 10 < page_faults("neither")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has the settings")
def test_a_users_tunables_and_this_process_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.perturb=1")
    with malloc_environment():
        assert os.environ["GLIBC_TUNABLES"].endswith(":glibc.malloc.perturb=1")
        assert "glibc.malloc.mmap_max=0" in os.environ["GLIBC_TUNABLES"]
    assert os.environ["GLIBC_TUNABLES"] == "glibc.malloc.perturb=1"
    monkeypatch.delenv("GLIBC_TUNABLES")
    with malloc_environment():
        assert os.environ["GLIBC_TUNABLES"].startswith("glibc.malloc.")
    assert "GLIBC_TUNABLES" not in os.environ


def test_other_systems_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert not tune_malloc()
    with malloc_environment():
        assert "GLIBC_TUNABLES" not in os.environ
