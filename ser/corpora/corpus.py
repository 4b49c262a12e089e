"""Records of a corpus: utterances with speaker, emotion and counts, and skipped files."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, TypeVar

from ser.frozen_model import FrozenModel
from ser.results import CorpusIdentity

Split = Literal["training", "validation", "test"]

UNKNOWN = "unknown"
"""Source of a count that is missing."""

IMPUTED = "imputed"
"""Source of a count estimated from similar utterances, as the corpus's notes list it."""


@dataclass(frozen=True)
class Utterance:
    """One recorded utterance with its label.

    Attributes:
        id: Name that is unique in the corpus.
        path: Audio file.
        speaker: Speaker, unique in the corpus.
        emotion: One of the corpus's emotions.
        session: Recording session, where the corpus has them.
        site: Recording site, such as a school, where the corpus distinguishes sites.
        sentence: Code of the spoken sentence, where speakers share sentences.
        transcript: Words spoken, where the corpus gives them.
        words: Number of words, or None where unknown.
        voiced_phonemes: Number of voiced phonemes, or None where unknown.
        words_source: Where the number of words comes from, such as 'alignment' or 'transcript';
            'unknown' where there is none.
        voiced_phonemes_source: Where the number of voiced phonemes comes from, such as 'labels' or
            'grapheme-to-phoneme'; 'unknown' where there is none.
        language: Language spoken, as an ISO 639-1 code, where it differs from the corpus's.
        split: Subset of the corpus's predefined split, where it has one.
        ratings: Dimensional ratings by name, such as 'valence', on the corpus's own scale.
        start_s: Start in the audio file, in seconds; None for the start of the file.
        end_s: End in the audio file, in seconds; None for the end of the file.
    """

    id: str
    path: Path
    speaker: str
    emotion: str
    session: str | None = None
    site: str | None = None
    sentence: str | None = None
    transcript: str | None = None
    words: int | None = None
    voiced_phonemes: int | None = None
    words_source: str = UNKNOWN
    voiced_phonemes_source: str = UNKNOWN
    language: str | None = None
    split: Split | None = None
    ratings: Mapping[str, float] = field(default_factory=dict)
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class SkippedFile:
    """File or utterance that was left out, with the reason."""

    name: str
    reason: str


@dataclass(frozen=True)
class Annotations:
    """Corpus as its label files describe it; no audio has been read yet.

    Attributes:
        corpus: Name of the corpus, as in the registry.
        root: Folder that it was read from.
        emotions: The class set, in the order of the classes; given by the corpus, never inferred.
        utterances: All utterances in that class set, sorted by id.
        partners: For each speaker the one who takes the other role in its pair (validates where it
            tests): the other speaker of the session, or a fixed pairing.
        language: Language spoken, as an ISO 639-1 code.
        skipped: Files and utterances left out.
        notes: Messages for the user, such as imputed counts.
        warnings: Further ones, which a study repeats at its start.
        synthetic: Whether a program generated the speech: scores say nothing about people.
        distinct_speakers: Whether speakers with similar names are known to be different people.
        partial: Whether the user accepts that more than half of the utterances are left out.
        given_columns: Optional columns of a table in which some row has a value; none where the corpus is no table.
    """

    corpus: str
    root: Path
    emotions: tuple[str, ...]
    utterances: tuple[Utterance, ...]
    partners: Mapping[str, str]
    language: str
    skipped: tuple[SkippedFile, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    synthetic: bool = False
    distinct_speakers: bool = True
    partial: bool = False
    given_columns: tuple[str, ...] = ()


class NoOptions(FrozenModel):
    """Empty options, for a corpus that has none."""


OptionsT = TypeVar("OptionsT", bound=FrozenModel)


@dataclass(frozen=True)
class Loader(Generic[OptionsT]):
    """Options and reading function of a corpus.

    Attributes:
        options: The corpus's options, each with a default; users type their names and values.
        load: Reads the label files below a root folder. Raises `CorpusError` where there is no such
            corpus; a single bad utterance is skipped and listed.
    """

    options: type[OptionsT]
    load: Callable[[Path, OptionsT], Annotations]


@dataclass(frozen=True)
class Corpus:
    """Corpus whose audio was read: utterances in content order, and their digest.

    Content order (speaker, then samples) keeps file names and folders from changing a result.

    Attributes:
        name: Name of the corpus.
        root: Folder that it was read from.
        emotions: The class set, in the order of the classes.
        utterances: Utterances with readable audio, in content order.
        durations_s: Duration of each utterance, in seconds.
        samples_sha256: Digest of each utterance's samples, which finds the same audio under two names.
        partners: See `Annotations`.
        language: Language spoken.
        skipped: Files and utterances left out, unreadable audio included.
        notes: Messages for the user.
        warnings: Those of the notes that a study repeats at its start.
        conflict: Reason why no study may start with this corpus, or None.
        synthetic: See `Annotations`.
        given_columns: See `Annotations`.
        digest: 32 hex digits over the class set, samples, labels, speakers and counts.
    """

    name: str
    root: Path
    emotions: tuple[str, ...]
    utterances: tuple[Utterance, ...]
    durations_s: tuple[float, ...]
    samples_sha256: tuple[str, ...]
    partners: Mapping[str, str]
    language: str
    digest: str
    skipped: tuple[SkippedFile, ...] = ()
    notes: tuple[str, ...] = field(default=())
    warnings: tuple[str, ...] = ()
    conflict: str | None = None
    synthetic: bool = False
    given_columns: tuple[str, ...] = ()

    @property
    def identity(self) -> CorpusIdentity:
        """Identity of the corpus that results record."""
        return CorpusIdentity(name=self.name, digest=self.digest, emotions=self.emotions, synthetic=self.synthetic)

    @property
    def speakers(self) -> tuple[str, ...]:
        """All speakers, sorted."""
        return tuple(sorted({utterance.speaker for utterance in self.utterances}))

    @property
    def words_source(self) -> dict[str, int]:
        """Number of utterances by source of their word count, most frequent first."""
        return dict(Counter(utterance.words_source for utterance in self.utterances).most_common())

    @property
    def voiced_phonemes_source(self) -> dict[str, int]:
        """Number of utterances by source of their voiced-phoneme count, most frequent first."""
        return dict(Counter(utterance.voiced_phonemes_source for utterance in self.utterances).most_common())
