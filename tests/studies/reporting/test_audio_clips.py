"""Recordings of single utterances, as a report plays them."""

import io
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
import soundfile

from ser.corpora.audio import read_audio
from ser.corpora.loading import load_annotations
from ser.errors import CorpusError
from studies.reporting.audio_clips import newest_started, read_clips
from studies.search.summaries import StudySummary, list_studies
from studies.storages.home import Home
from tests.support.toy_coordinator import StudyFixture, plan_of


@pytest.fixture
def study(place: StudyFixture) -> StudySummary:
    place.start(plan_of("none"))
    (study,) = list_studies(Home(place.folder).storage)
    return replace(study, plan=study.plan.model_copy(update={"corpus": "demo", "corpus_options": {}}))


def test_the_named_utterances_are_wav_files_of_their_samples(
    study: StudySummary, demo_root: Path, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    copytree(demo_root, home.demo_corpus)
    first, second, *_ = load_annotations("demo", home.demo_corpus, {}).utterances
    clips = read_clips(home, study, {first.id, second.id, "unknown"})
    assert set(clips) == {first.id, second.id}
    samples, rate_hz = soundfile.read(io.BytesIO(clips[first.id]), dtype="float32")
    assert rate_hz == 16_000
    assert samples == pytest.approx(read_audio(first.path, rate_hz, first.start_s, first.end_s), abs=2**-15)


def test_a_missing_corpus_is_named(study: StudySummary, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere"):
        read_clips(Home(tmp_path / "nowhere"), study, {"a"})


def test_a_study_without_its_folder_has_no_recordings(study: StudySummary, demo_root: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    copytree(demo_root, home.demo_corpus)
    stopped = replace(study, plan=study.plan.model_copy(update={"corpus": "emodb"}), start=None)
    utterance = load_annotations("demo", home.demo_corpus, {}).utterances[0]
    assert read_clips(home, stopped, {utterance.id}) == {}


def test_the_folder_is_that_of_the_newest_study_that_started(study: StudySummary) -> None:
    moved, stopped = replace(study, name="moved"), replace(study, name="stopped", start=None)
    assert newest_started([study, moved, stopped]) is moved
    assert newest_started([stopped]) is stopped
