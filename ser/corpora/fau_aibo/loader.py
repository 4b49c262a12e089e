"""FAU-Aibo: children of two schools talk to a robot dog, in chunks.

The chunks and their labels are those of the Interspeech 2009 Emotion Challenge. School Ohm
trains, less its last two children, who validate; school Mont tests.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator

from ser.corpora.corpus import UNKNOWN, Annotations, SkippedFile, Split, Utterance
from ser.corpora.fau_aibo.parsers import (
    ChunkLabel,
    WordCounts,
    parse_chunk_labels,
    parse_chunk_name,
    parse_segmentation,
    parse_transliteration,
)
from ser.corpora.label_files import files_by_stem, read_label_text, require_folder
from ser.errors import AnnotationError, CorpusError
from ser.frozen_model import FrozenModel

CODES_OF_CLASSES: Mapping[int, Mapping[str, str]] = {
    5: {"A": "anger", "E": "emphatic", "N": "neutral", "P": "positive", "R": "rest"},
    2: {"NEG": "negative", "IDL": "idle"},
}
"""Classes by their label, in the class set of five and in that of two."""

TRAINING_SCHOOL, TEST_SCHOOL = "Ohm", "Mont"
VALIDATION_SPEAKERS = 2
"""Number of last speakers of the training school who validate."""

TRANSLITERATION = Path("transliteration", "transliteration.txt")
SEGMENTATION = Path("segmentation", "segmentation.txt")

_EXPECTED = (
    "'labels/IS2009EmotionChallenge/chunk_labels_5cl_corpus.txt' ('..._2cl_...' for two classes), 'wav', "
    f"'{SEGMENTATION.as_posix()}' and '{TRANSLITERATION.as_posix()}'"
)
_FALLBACK_SOURCE = {"segmentation": "transliteration", "transliteration": "segmentation"}
_MAX_LISTED = 10


def label_file(classes: int) -> Path:
    """Return the path of a class set's chunk label file, below the corpus's folder.

    The challenge gives two classes a file of their own, with more negative chunks than the five
    classes have angry and emphatic ones: the two files are independent.
    """
    return Path("labels", "IS2009EmotionChallenge", f"chunk_labels_{classes}cl_corpus.txt")


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and value in ("2", "5") else value


class FauAiboOptions(FrozenModel):
    """Options of FAU-Aibo.

    Attributes:
        classes: 5 (anger, emphatic, neutral, positive, rest) or 2 (negative, idle).
        words: Where words are counted first: 'segmentation' or 'transliteration'; a chunk that is
            not there is counted in the other.
    """

    classes: Annotated[Literal[2, 5], BeforeValidator(_number)] = 5
    words: Literal["segmentation", "transliteration"] = "segmentation"


FIVE_CLASSES = FauAiboOptions()
"""Paper's class set."""


@dataclass(frozen=True)
class _WordCounts:
    """Words of the chunks from both sources; None where a file cannot be used."""

    transliteration: Mapping[str, tuple[str, ...]] | None
    segmentation: WordCounts | None

    def count(self, chunk: str, source: str) -> int | None:
        """Return the number of words in a source, or None."""
        if source == "transliteration":
            spoken = None if self.transliteration is None else self.transliteration.get(chunk)
            return None if spoken is None else len(spoken)
        if self.segmentation is None or chunk in self.segmentation.unreliable:
            return None
        return self.segmentation.words.get(chunk)

    @property
    def has_source(self) -> bool:
        """Check whether any source can be used."""
        return self.transliteration is not None or self.segmentation is not None


def load(root: Path, options: FauAiboOptions = FIVE_CLASSES) -> Annotations:
    """Read FAU-Aibo's labels and words; no audio.

    It has no phoneme alignment: voiced phonemes stay unknown here. Speakers have no partners;
    utterances have a predefined split, which depends on the label file alone, not on missing audio.

    Args:
        root: The folder that holds `labels`, `wav`, `segmentation` and `transliteration`.
        options: The class set, and the source of word counts.

    Returns:
        The annotations; the whole release has 9959 chunks of Ohm and 8257 of Mont.

    Raises:
        CorpusError: There is no FAU-Aibo in that folder, or it lacks the class set's label file.
    """
    require_folder(root, "FAU-Aibo", _EXPECTED)
    path = root / label_file(options.classes)
    if not path.is_file():
        raise CorpusError(
            f"{root}: has no {label_file(options.classes).as_posix()}; expected FAU-Aibo, with {_EXPECTED}"
        )
    classes = CODES_OF_CLASSES[options.classes]
    labels, faults = parse_chunk_labels(read_label_text(path), path, tuple(classes))
    skipped = [SkippedFile(f"{path.name}, line {fault.line}", str(fault)) for fault in faults]
    words, notes = _read_words(root)
    wavs = files_by_stem(root / "wav", ".wav")
    splits = _splits(labels)
    utterances: list[Utterance] = []
    for label in _usable_labels(labels, splits, wavs, root, skipped):
        utterance = _utterance(label, classes, splits, wavs, words, options.words)
        if words.has_source and utterance.words is None:
            skipped.append(
                SkippedFile(label.chunk, "its words are neither in the segmentation nor in the transliteration")
            )
        else:
            utterances.append(utterance)
    if not utterances:
        first = f" (first: {skipped[0].name}: {skipped[0].reason})" if skipped else ""
        raise CorpusError(
            f"{root}: none of {len(labels)} chunks can be used{first}; expected FAU-Aibo, with {_EXPECTED}"
        )
    notes += _fallback_note(utterances, options.words)
    if words.transliteration is not None:
        untranscribed = [utterance.id for utterance in utterances if utterance.transcript is None]
        notes += _id_list_notes(f"chunks without a transcript, since {TRANSLITERATION} lacks them", untranscribed)
    unlabelled = sorted(set(wavs) - {label.chunk for label in labels})
    notes += _id_list_notes(f"wav files without a label in {path.name}", unlabelled)
    return Annotations(
        corpus="fau_aibo",
        root=root,
        emotions=tuple(classes.values()),
        utterances=tuple(sorted(utterances, key=lambda utterance: utterance.id)),
        partners={},
        language="de",
        skipped=tuple(skipped),
        notes=tuple(notes),
    )


def _read_words(root: Path) -> tuple[_WordCounts, list[str]]:
    """Read both sources of words; note unusable sources and unreadable rows."""
    notes: list[str] = []
    transliteration: Mapping[str, tuple[str, ...]] | None = None
    segmentation: WordCounts | None = None
    path = root / TRANSLITERATION
    try:
        transliteration = parse_transliteration(read_label_text(path), path)
    except AnnotationError as error:
        notes.append(f"{error}; there are no transcripts")
    path = root / SEGMENTATION
    try:
        segmentation = parse_segmentation(read_label_text(path), path)
    except AnnotationError as error:
        notes.append(f"{error}; no words are counted there")
    else:
        notes += _id_list_notes(
            "rows of the segmentation that cannot be read", [str(fault) for fault in segmentation.faults]
        )
    return _WordCounts(transliteration, segmentation), notes


def _splits(labels: Iterable[ChunkLabel]) -> dict[str, Split]:
    """Assign speakers to subsets as in the paper (section 3.1)."""
    names = {name for label in labels if (name := parse_chunk_name(label.chunk)) is not None}
    training = sorted((name.speaker for name in names if name.school == TRAINING_SCHOOL), key=_speaker_order)
    splits: dict[str, Split] = dict.fromkeys(training[:-VALIDATION_SPEAKERS], "training")
    splits |= dict.fromkeys(training[-VALIDATION_SPEAKERS:], "validation")
    splits |= {name.speaker: "test" for name in names if name.school == TEST_SCHOOL}
    return splits


def _speaker_order(speaker: str) -> tuple[int, str]:
    """Sort key: speakers by number, whatever its width."""
    return int(speaker.rpartition("_")[2]), speaker


def _usable_labels(
    labels: Sequence[ChunkLabel],
    splits: Mapping[str, Split],
    wavs: Mapping[str, Path],
    root: Path,
    skipped: list[SkippedFile],
) -> Iterator[ChunkLabel]:
    """Yield the labels of usable chunks; list the others as skipped."""
    seen: set[str] = set()
    for label in labels:
        name = parse_chunk_name(label.chunk)
        if name is None or name.speaker not in splits:
            reason = f"its school is neither {TRAINING_SCHOOL} nor {TEST_SCHOOL}"
            skipped.append(SkippedFile(label.chunk, reason))
        elif label.chunk in seen:
            skipped.append(SkippedFile(label.chunk, "a second label for the same chunk; the first is used"))
        elif label.chunk not in wavs:
            skipped.append(SkippedFile(label.chunk, f"{root / 'wav' / label.chunk}.wav: no such file"))
        else:
            yield label
        seen.add(label.chunk)


def _utterance(
    label: ChunkLabel,
    classes: Mapping[str, str],
    splits: Mapping[str, Split],
    wavs: Mapping[str, Path],
    words: _WordCounts,
    preferred: str,
) -> Utterance:
    speaker = label.chunk.rsplit("_", 2)[0]
    counts = {source: words.count(label.chunk, source) for source in (preferred, _FALLBACK_SOURCE[preferred])}
    source = next((source for source, count in counts.items() if count is not None), UNKNOWN)
    spoken = None if words.transliteration is None else words.transliteration.get(label.chunk)
    return Utterance(
        id=label.chunk,
        path=wavs[label.chunk],
        speaker=speaker,
        emotion=classes[label.label],
        transcript=None if spoken is None else " ".join(spoken),
        words=counts.get(source),
        words_source=source,
        split=splits[speaker],
        site=speaker.partition("_")[0],
    )


def _fallback_note(utterances: Sequence[Utterance], preferred: str) -> list[str]:
    """Note the chunks whose words were counted in the fallback source."""
    fallback = _FALLBACK_SOURCE[preferred]
    ids = [utterance.id for utterance in utterances if utterance.words_source == fallback]
    return _id_list_notes(f"chunks whose words are counted in the {fallback}, since the {preferred} lacks them", ids)


def _id_list_notes(what: str, names: Sequence[str]) -> list[str]:
    """Note a number of ids and the first of them; no note without ids."""
    if not names:
        return []
    rest = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return [f"{what} ({len(names)}): {', '.join(names[:_MAX_LISTED])}{rest}"]
