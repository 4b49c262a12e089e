"""Opens a corpus: reads every audio file once, drops what is not sound, and takes the digest."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ser.config import digest_of
from ser.corpora.audio import read_audio
from ser.corpora.corpus import Annotations, Corpus, SkippedFile, Utterance
from ser.corpora.registry import load_annotations
from ser.corpora.transcripts.counts import add_transcript_counts
from ser.errors import AudioError, CorpusError

SAMPLE_RATE_HZ = 16_000
"""Rate at which samples are digested, in hertz."""

MAX_UNREADABLE_SHARE = 0.5
"""With more bad audio than this the folder is taken to be damaged as a whole."""


@dataclass(frozen=True)
class _ReadUtterance:
    """An utterance whose audio was read."""

    utterance: Utterance
    samples_sha256: str
    duration_s: float

    @property
    def content(self) -> tuple[str, str, str, int, int]:
        """What decides the utterance's place in the corpus; -1 stands for an unknown count."""
        words = -1 if self.utterance.words is None else self.utterance.words
        voiced = -1 if self.utterance.voiced_phonemes is None else self.utterance.voiced_phonemes
        return (self.utterance.speaker, self.samples_sha256, self.utterance.emotion, words, voiced)


def load_corpus(
    name: str,
    root: Path,
    progress: Callable[[int, int], None] | None = None,
    options: Mapping[str, str] | None = None,
) -> Corpus:
    """Reads a corpus's label files and its audio; counts that it lacks are taken from its transcripts.

    Args:
        name: Name of the corpus, one of `ser.corpora.LOADERS`.
        root: Its folder.
        progress: Called with the number of audio files read and of all audio files.
        options: Options of that corpus as text, by name.

    Returns:
        The corpus: utterances in content order, what was skipped, and the digest.

    Raises:
        ConfigurationError: There is no such corpus, option or value.
        CorpusError: The folder does not hold that corpus, or most of its audio cannot be read.
    """
    return read_corpus_audio(add_transcript_counts(load_annotations(name, root, options)), progress)


def read_corpus_audio(annotations: Annotations, progress: Callable[[int, int], None] | None = None) -> Corpus:
    """Reads the audio of annotated utterances.

    Args:
        annotations: The corpus as its label files describe it.
        progress: Called with the number of files read and of all files.

    Returns:
        The corpus, in content order (speaker, then samples), with its digest.

    Raises:
        CorpusError: No audio can be read, or less than half of it.
    """
    heard: list[_ReadUtterance] = []
    skipped: list[SkippedFile] = []
    for done, utterance in enumerate(annotations.utterances, start=1):
        try:
            samples = read_audio(utterance.path, SAMPLE_RATE_HZ, utterance.start_s, utterance.end_s)
        except AudioError as error:
            skipped.append(SkippedFile(utterance.id, str(error)))
        else:
            sha256 = hashlib.sha256(samples.astype("<f4", copy=False).tobytes()).hexdigest()
            heard.append(_ReadUtterance(utterance, sha256, len(samples) / SAMPLE_RATE_HZ))
        if progress is not None:
            progress(done, len(annotations.utterances))
    total = len(annotations.utterances)
    if not heard or len(skipped) > MAX_UNREADABLE_SHARE * total:
        first = f" (first: {skipped[0].reason})" if skipped else ""
        raise CorpusError(f"{annotations.root}: {len(skipped)} of {total} audio files cannot be read{first}")
    heard.sort(key=lambda one: (one.content, one.utterance.id))
    speakers = {one.utterance.speaker for one in heard}
    return Corpus(
        name=annotations.corpus,
        root=annotations.root,
        emotions=annotations.emotions,
        utterances=tuple(one.utterance for one in heard),
        durations_s=tuple(one.duration_s for one in heard),
        samples_sha256=tuple(one.samples_sha256 for one in heard),
        partners={a: b for a, b in annotations.partners.items() if {a, b} <= speakers},
        language=annotations.language,
        digest=_digest(annotations.emotions, heard),
        skipped=annotations.skipped + tuple(skipped),
        notes=annotations.notes + _duplicate_audio_notes(heard),
        synthetic=annotations.synthetic,
    )


def _digest(emotions: tuple[str, ...], heard: Iterable[_ReadUtterance]) -> str:
    """Digest of the class set and of every utterance's content; names and folders are not in it."""
    rows = [
        {
            "samples": one.samples_sha256,
            "emotion": one.utterance.emotion,
            "speaker": one.utterance.speaker,
            "words": one.utterance.words,
            "voiced_phonemes": one.utterance.voiced_phonemes,
        }
        for one in heard
    ]
    return digest_of({"emotions": list(emotions), "utterances": rows})


def _duplicate_audio_notes(heard: list[_ReadUtterance]) -> tuple[str, ...]:
    """A note where two utterances have the same samples: a part of a fold could hold another's speech."""
    first_with: dict[str, str] = {}
    pairs: list[str] = []
    for one in heard:
        known = first_with.setdefault(one.samples_sha256, one.utterance.id)
        if known != one.utterance.id:
            pairs.append(f"{known} = {one.utterance.id}")
    if not pairs:
        return ()
    return (f"{len(pairs)} utterances have the same samples as another: {', '.join(pairs)}",)
