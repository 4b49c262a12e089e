"""Tests of arithmetic in bf16, which some processors lack."""

import pytest

from ser.training.precision import cpu_runs_bf16


def require_bf16() -> None:
    """Skip the test on a processor that computes no LSTM in bf16."""
    if not cpu_runs_bf16():
        pytest.skip("this processor computes no LSTM in bf16")
