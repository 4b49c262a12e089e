"""Expected calibration error, against sums by hand."""

import numpy as np
import pytest

from tracking.analysis.statistics.calibration import calibrate


def test_the_error_is_the_weighted_distance_of_the_bins():
    confidences = np.array([0.31, 0.39, 0.85, 0.85, 0.85, 1.0])
    correct = np.array([True, False, True, True, False, True])
    measured = calibrate(confidences, correct)
    assert measured.counts.tolist() == [2, 3, 1]
    assert measured.accuracies == pytest.approx([0.5, 2 / 3, 1])
    assert measured.confidences == pytest.approx([0.35, 0.85, 1])
    assert measured.expected_error == pytest.approx((2 * 0.15 + 3 * (0.85 - 2 / 3)) / 6)


def test_a_confidence_on_an_edge_belongs_to_the_lower_bin():
    assert calibrate(np.array([0.0, 0.1, 0.11]), np.array([False] * 3)).counts.tolist() == [2, 1]


def test_sure_and_right_has_no_error():
    assert calibrate(np.ones(5), np.ones(5, dtype=bool)).expected_error == 0
