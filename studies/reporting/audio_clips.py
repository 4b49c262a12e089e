"""Recordings of single utterances for a report, as WAV files in memory."""

import io
from collections.abc import Collection, Sequence
from pathlib import Path

import soundfile

from ser.corpora.audio import read_audio
from ser.corpora.registry import load_annotations
from studies.provenance import home_tag_name
from studies.search.summaries import StudySummary
from studies.storages.home import Home

_SAMPLE_RATE_HZ = 16_000


def read_clips(home: Home, study: StudySummary, utterances: Collection[str]) -> dict[str, bytes]:
    """Read the recordings of utterances.

    Args:
        home: The data directory.
        study: A study of the corpus, which names its folder.
        utterances: Ids of the utterances.

    Returns:
        Mono WAV files of 16 bits at 16 kHz, by id; utterances whose file is not there are left out, and all where the
        study has not recorded the corpus's folder.

    Raises:
        CorpusError: The folder does not hold the corpus.
        AudioError: A file cannot be read.
    """
    root = study.root_of(home_tag_name(home.root))
    if root is None and study.plan.corpus != "demo":
        return {}
    folder = home.demo_corpus if root is None else Path(root)
    annotations = load_annotations(study.plan.corpus, folder, study.plan.corpus_options)
    return {
        utterance.id: _wav(utterance.path, utterance.start_s, utterance.end_s)
        for utterance in annotations.utterances
        if utterance.id in utterances and utterance.path.is_file()
    }


def newest_started(studies: Sequence[StudySummary]) -> StudySummary:
    """Choose the study that names the corpus's folder as it is now; studies are listed with the newest last."""
    return next((study for study in reversed(studies) if study.start is not None), studies[-1])


def _wav(path: Path, start_s: float | None, end_s: float | None) -> bytes:
    buffer = io.BytesIO()
    samples = read_audio(path, _SAMPLE_RATE_HZ, start_s, end_s)
    soundfile.write(buffer, samples, _SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
