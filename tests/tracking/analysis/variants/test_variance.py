"""Parts of the variance of UA, on drawn tables whose parts are known."""

import numpy as np
import pytest

from tracking.analysis.variants.variance import ua_variance


def test_the_estimates_are_right_on_average():
    rng = np.random.default_rng(3)
    speakers, seeds, residual = 0.08, 0.02, 0.03
    squares = []
    for _ in range(2000):
        effects = rng.normal(0, speakers, (12, 1)) + rng.normal(0, seeds, (1, 8))
        parts = ua_variance(0.7 + effects + rng.normal(0, residual, (12, 8)))
        squares.append([parts.speakers**2, parts.seeds**2, parts.residual**2])
    assert np.sqrt(np.mean(squares, axis=0)) == pytest.approx([speakers, seeds, residual], rel=0.03)


def test_parts_of_a_table_without_noise_are_exact():
    speakers, seeds = np.array([[0.5], [0.6], [0.8]]), np.array([[0.01, -0.01]])
    parts = ua_variance(speakers + seeds)
    assert parts.speakers == pytest.approx(speakers.std(ddof=1))
    assert parts.seeds == pytest.approx(seeds.std(ddof=1))
    assert parts.residual == pytest.approx(0, abs=1e-12)


def test_a_negative_estimate_is_zero():
    parts = ua_variance(np.array([[0.5, 0.7], [0.7, 0.5]]))
    assert (parts.speakers, parts.seeds) == (0, 0)
    assert parts.residual == pytest.approx(0.2)


@pytest.mark.parametrize("shape", [(1, 3), (10, 1)])
def test_one_seed_or_one_speaker_has_no_parts(shape):
    assert ua_variance(np.full(shape, 0.6)) is None
