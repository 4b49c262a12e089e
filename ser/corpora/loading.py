"""Load a corpus: read all audio, skip invalid files, compute the corpus digest."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ser.config import digest_of
from ser.corpora.audio import DIGEST_RATE_HZ, AudioIssue, digest_samples, read_audio_with_issues
from ser.corpora.corpus import Annotations, Corpus, SkippedFile, Utterance
from ser.corpora.names import describe_placeholders, describe_similar
from ser.corpora.registry import load_annotations
from ser.corpora.transcripts.counts import add_transcript_counts
from ser.errors import AudioError, CorpusError

MAX_UNREADABLE_SHARE = 0.5
"""Largest share of unreadable audio; above it the whole corpus counts as damaged."""

_MAX_LISTED = 10
_MAX_REASONS = 3
_PARTIAL_HINT = "; a table is read in spite of this with --corpus-set partial=yes"
_SAME_SPEAKER_HINT = "--corpus-set same_speaker=yes joins them, same_speaker=no keeps them apart"


@dataclass(frozen=True)
class _ReadUtterance:
    """Utterance whose audio was read."""

    utterance: Utterance
    samples_sha256: str
    duration_s: float
    issues: tuple[AudioIssue, ...] = ()

    @property
    def content(self) -> tuple[str, str, str, int, int]:
        """Sort key of the content order; -1 stands for an unknown count."""
        words = -1 if self.utterance.words is None else self.utterance.words
        voiced = -1 if self.utterance.voiced_phonemes is None else self.utterance.voiced_phonemes
        return (self.utterance.speaker, self.samples_sha256, self.utterance.emotion, words, voiced)


def load_corpus(
    name: str,
    root: Path,
    progress: Callable[[int, int], None] | None = None,
    options: Mapping[str, str] | None = None,
) -> Corpus:
    """Read a corpus's label files and audio; fill missing counts from transcripts.

    Args:
        name: Name of the corpus, one of `ser.corpora.LOADERS`.
        root: Its folder.
        progress: Called with the number of audio files read and of all audio files.
        options: Options of that corpus as text, by name.

    Returns:
        The corpus: utterances in content order, skipped files, and the digest.

    Raises:
        ConfigurationError: There is no such corpus, option or value.
        CorpusError: The folder does not hold that corpus, or most of its audio cannot be read.
    """
    return read_corpus_audio(add_transcript_counts(load_annotations(name, root, options)), progress)


def read_corpus_audio(annotations: Annotations, progress: Callable[[int, int], None] | None = None) -> Corpus:
    """Read the audio of annotated utterances.

    Args:
        annotations: The corpus as its label files describe it.
        progress: Called with the number of files read and of all files.

    Returns:
        The corpus, in content order (speaker, then samples), with its digest.

    Raises:
        CorpusError: No audio can be read, or less than half of it, or more than half of all utterances are
            left out for other reasons.
    """
    read_utterances, skipped = _read_utterances(annotations.utterances, progress)
    total = len(annotations.utterances)
    left_out = (*annotations.skipped, *skipped)
    if not read_utterances or len(skipped) > MAX_UNREADABLE_SHARE * total:
        first = f" (first: {skipped[0].reason})" if skipped else ""
        raise CorpusError(f"{annotations.root}: {len(skipped)} of {total} audio files cannot be read{first}")
    total += len(annotations.skipped)
    if len(left_out) > MAX_UNREADABLE_SHARE * total and not annotations.partial:
        raise CorpusError(f"{annotations.root}: {_describe_left_out(left_out, total)}{_PARTIAL_HINT}")
    read_utterances.sort(key=lambda read: (read.content, read.utterance.id))
    speakers = [read.utterance.speaker for read in read_utterances]
    emotions = [read.utterance.emotion for read in read_utterances]
    similar_speakers = () if annotations.distinct_speakers else describe_similar("speakers", speakers)
    warnings = (
        *annotations.warnings,
        *similar_speakers,
        *describe_similar("classes", emotions),
        *describe_placeholders("speaker", speakers),
        *describe_placeholders("class", emotions),
    )
    return Corpus(
        name=annotations.corpus,
        root=annotations.root,
        emotions=annotations.emotions,
        utterances=tuple(read.utterance for read in read_utterances),
        durations_s=tuple(read.duration_s for read in read_utterances),
        samples_sha256=tuple(read.samples_sha256 for read in read_utterances),
        partners={a: b for a, b in annotations.partners.items() if {a, b} <= set(speakers)},
        language=annotations.language,
        digest=_digest(annotations.emotions, read_utterances),
        skipped=left_out,
        notes=annotations.notes
        + warnings
        + _audio_issue_notes(read_utterances)
        + _duplicate_audio_notes(read_utterances),
        warnings=warnings + ((_describe_left_out(left_out, total),) if left_out else ()),
        conflict=f"{similar_speakers[0]}; {_SAME_SPEAKER_HINT}" if similar_speakers else None,
        synthetic=annotations.synthetic,
        given_columns=annotations.given_columns,
    )


def _read_utterances(
    utterances: Sequence[Utterance], progress: Callable[[int, int], None] | None
) -> tuple[list[_ReadUtterance], list[SkippedFile]]:
    """Read the audio of utterances; return those that could be read, and the others with the reason."""
    read_utterances: list[_ReadUtterance] = []
    skipped: list[SkippedFile] = []
    for count, utterance in enumerate(utterances, start=1):
        try:
            samples, issues = read_audio_with_issues(utterance.path, DIGEST_RATE_HZ, utterance.start_s, utterance.end_s)
        except AudioError as error:
            skipped.append(SkippedFile(utterance.id, str(error)))
        else:
            duration_s = len(samples) / DIGEST_RATE_HZ
            read_utterances.append(_ReadUtterance(utterance, digest_samples(samples), duration_s, issues))
        if progress is not None:
            progress(count, len(utterances))
    return read_utterances, skipped


def _describe_left_out(left_out: Sequence[SkippedFile], total: int) -> str:
    reasons = "; ".join(f"{skipped.name}: {skipped.reason}" for skipped in left_out[:_MAX_REASONS])
    return f"{len(left_out)} of {total} utterances are left out (first: {reasons})"


def _digest(emotions: tuple[str, ...], read_utterances: Iterable[_ReadUtterance]) -> str:
    """Digest of the class set and of every utterance's content; names and folders are not in it."""
    rows = [
        {
            "samples": read.samples_sha256,
            "emotion": read.utterance.emotion,
            "speaker": read.utterance.speaker,
            "words": read.utterance.words,
            "voiced_phonemes": read.utterance.voiced_phonemes,
        }
        for read in read_utterances
    ]
    return digest_of({"emotions": list(emotions), "utterances": rows})


def _audio_issue_notes(read_utterances: list[_ReadUtterance]) -> tuple[str, ...]:
    """Note the utterances of doubtful quality, by issue."""
    ids = {issue: [read.utterance.id for read in read_utterances if issue in read.issues] for issue in AudioIssue}
    return tuple(
        f"audio of {len(names)} utterances: {issue.value}: {', '.join(names[:_MAX_LISTED])}"
        + (f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else "")
        for issue, names in ids.items()
        if names
    )


def _duplicate_audio_notes(read_utterances: list[_ReadUtterance]) -> tuple[str, ...]:
    """Note on utterances with equal samples: they could leak between the subsets of a fold."""
    first_ids: dict[str, str] = {}
    pairs: list[str] = []
    for read in read_utterances:
        if AudioIssue.SILENT in read.issues:
            continue
        first_id = first_ids.setdefault(read.samples_sha256, read.utterance.id)
        if first_id != read.utterance.id:
            pairs.append(f"{first_id} = {read.utterance.id}")
    if not pairs:
        return ()
    return (f"{len(pairs)} utterances have the same samples as another: {', '.join(pairs)}",)
