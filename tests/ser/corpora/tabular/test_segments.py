"""Utterances that are segments of a long file give what files of their own give."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.corpora.corpus import Annotations
from ser.corpora.loading import read_corpus_audio
from ser.corpora.registry import load_annotations
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing
from ser.features.store import FeatureStore
from tests.support.corpora import write_emodb


@pytest.fixture
def files(tmp_path: Path) -> Annotations:
    return load_annotations("emodb", write_emodb(tmp_path / "emodb", ["03a01Wa", "03a02Na", "08a01Wa", "09a01Fa"]))


@pytest.fixture
def segments(files: Annotations, tmp_path: Path) -> Annotations:
    """The same utterances, with a second of noise before each, in one file."""
    pieces, utterances, position = [], [], 0
    for utterance in files.utterances:
        samples, _ = soundfile.read(utterance.path, dtype="int16")
        noise = np.random.default_rng(position).integers(-99, 99, 16_000).astype(np.int16)
        start = position + len(noise)
        position = start + len(samples)
        pieces += [noise, samples]
        place = {"path": tmp_path / "all.flac", "start_s": start / 16_000, "end_s": position / 16_000}
        utterances.append(replace(utterance, **place))  # type: ignore[arg-type]
    soundfile.write(tmp_path / "all.flac", np.concatenate(pieces), 16_000)
    utterances[-1] = replace(utterances[-1], end_s=None)
    return replace(files, utterances=tuple(utterances))


def test_the_digest_and_the_durations_are_the_same(files: Annotations, segments: Annotations) -> None:
    whole, cut = read_corpus_audio(files), read_corpus_audio(segments)
    assert cut.digest == whole.digest
    assert cut.durations_s == whole.durations_s
    assert [utterance.id for utterance in cut.utterances] == [utterance.id for utterance in whole.utterances]
    assert cut.notes == ()


def test_the_log_mels_are_the_same(files: Annotations, segments: Annotations, tmp_path: Path) -> None:
    one = FeatureStore.open(build_store_if_missing(read_corpus_audio(files), LogMelSettings(), tmp_path / "one"))
    other = FeatureStore.open(build_store_if_missing(read_corpus_audio(segments), LogMelSettings(), tmp_path / "other"))
    for index in range(len(files.utterances)):
        np.testing.assert_array_equal(one.frames(index), other.frames(index))


def test_a_segment_outside_its_file_is_skipped_and_listed(segments: Annotations) -> None:
    outside = replace(segments.utterances[0], start_s=100.0, end_s=101.0)
    corpus = read_corpus_audio(replace(segments, utterances=(outside, *segments.utterances[1:])))
    assert [skipped.name for skipped in corpus.skipped] == [outside.id]
    assert "all.flac: has no segment from 100 to 101 s: it lasts 6.000 s" in corpus.skipped[0].reason
