"""Benchmark of an encoder's frames: its corpus is read, and the estimate that a build shows is understood."""

from pathlib import Path

import pytest

from benchmarks.encoder_build import shown_estimate, write_corpus
from benchmarks.workloads import iemocap_shape
from ser.corpora.loading import load_corpus
from ser.feature_settings import LogMelSettings
from ser.features.builder import _Pass
from ser.features.frontends.log_mel import LogMelFrontEnd

SHARE = 0.002


def test_the_corpus_has_the_lengths_of_its_shape(tmp_path: Path) -> None:
    assert write_corpus(tmp_path, SHARE) == 6
    corpus, shape = load_corpus("manifest", tmp_path), iemocap_shape(SHARE)[0]
    assert sorted(corpus.durations_s) == pytest.approx(sorted(shape.durations_s), abs=1e-4)
    assert {item.speaker for item in corpus.utterances} == {item.speaker for item in shape.utterances}


@pytest.mark.parametrize("expected_s", [60 * 60, 4.5 * 3600])
def test_the_estimate_of_a_build_is_understood(tmp_path: Path, expected_s: float) -> None:
    corpus, _ = iemocap_shape(SHARE)
    single_pass = _Pass.plan(corpus, LogMelFrontEnd([LogMelSettings()]), tmp_path)
    factor = sum(corpus.durations_s[1:]) / corpus.durations_s[0]
    line = single_pass.estimate(0, 1, expected_s / factor)
    assert line is not None
    assert shown_estimate(line) == (pytest.approx(expected_s), round(single_pass.needed_bytes / 2**20))
    assert shown_estimate("encoder@4: /home/features/1") is None
