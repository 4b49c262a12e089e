"""Berlin Database of Emotional Speech (EmoDB): ten actors, ten sentences, seven emotions.

A file `wav/SSTTTEv.wav` names speaker, text, emotion and version; `lablaut/SSTTTEvxx.lablaut` holds
its phones, labelled by hand.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from ser.corpora.corpus import IMPUTED, UNKNOWN, Annotations, SkippedFile, Utterance
from ser.corpora.label_files import files_by_stem, label_lines, read_label_text, require_folder
from ser.corpora.transcripts.counts import TRANSCRIPT, tokenize_words
from ser.corpora.transcripts.phones import LABLAUT, Voicing, count_voiced, lablaut_base
from ser.errors import AnnotationError, CorpusError

EMOTIONS = ("anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral")
"""Class set."""

EMOTION_OF_LETTER = dict(zip("WLEAFTN", EMOTIONS, strict=True))
"""Emotions by the sixth letter of a file's name, the initial of the German word."""

TRANSCRIPT_OF_TEXT = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
"""Spoken sentences by text code, from the corpus's README."""

PAIRS = (("03", "08"), ("09", "10"), ("11", "12"), ("13", "14"), ("15", "16"))
"""Speakers who validate each other's test."""

_NAME = re.compile(r"(\d\d)([a-z]\d\d)([A-Z])([a-z]?)")
_SEGMENT = re.compile(r"\s*\d+(?:\.\d+)?\s+-?\d+(?:\s+(.*))?")
_EXPECTED = "the folders 'wav' and 'lablaut'"


@dataclass(frozen=True)
class _Name:
    """Parts of a file's name."""

    speaker: str
    text: str
    emotion: str


def parse_lablaut(text: str, path: Path) -> tuple[str, ...]:
    """Read the segments of a phonetic label file.

    Returns:
        Base symbols of the segments in order of time; none where the file has a header only. Lines
        that only change a diacritic are no segments, and neither is the end mark `.`.

    Raises:
        AnnotationError: The header does not end, a line has another form, a symbol is unknown, or the
            end mark is missing.
    """
    lines = label_lines(text.rstrip("\r\n"))
    if "#" not in lines:
        raise AnnotationError(path, None, "a line '#' that ends the header")
    first = lines.index("#") + 1
    symbols: list[str] = []
    for number, line in enumerate(lines[first:], start=first + 1):
        if not line.strip():
            continue
        match = _SEGMENT.fullmatch(line)
        if match is None:
            raise AnnotationError(path, number, f"'time colour symbol', found {line.strip()[:60]!r}")
        symbol = lablaut_base(match.group(1) or "")
        if symbol and LABLAUT.voicing(symbol) is Voicing.UNKNOWN:
            raise AnnotationError(path, number, f"a symbol of the lablaut alphabet, found {symbol!r}")
        symbols.append(symbol)
    segments = [symbol for symbol in symbols if symbol]
    if segments and segments[-1] != ".":
        raise AnnotationError(path, len(lines), "the end mark '.' (is the file cut short?)")
    return tuple(segments[:-1])


def load(root: Path) -> Annotations:
    """Read EmoDB's names and phonetic labels; no audio.

    A voiced-phoneme count whose label file is missing, empty or unreadable is the rounded mean over
    the same text spoken by others; `notes` lists each of them.

    Args:
        root: The folder that holds `wav` and `lablaut`.

    Returns:
        The annotations, at most 535 utterances.

    Raises:
        CorpusError: There is no EmoDB in that folder.
    """
    require_folder(root, "EmoDB", _EXPECTED)
    wavs = files_by_stem(root / "wav", ".wav")
    labels = files_by_stem(root / "lablaut", ".lablaut")
    if not wavs or not labels:
        missing = "wav/*.wav" if not wavs else "lablaut/*.lablaut"
        raise CorpusError(f"{root}: has no {missing}; expected EmoDB, with {_EXPECTED}")
    utterances: list[Utterance] = []
    skipped: list[SkippedFile] = []
    problems: dict[str, str] = {}
    for stem, wav in wavs.items():
        name = _parse_name(stem)
        if isinstance(name, str):
            skipped.append(SkippedFile(stem, name))
            continue
        voiced = _voiced_phonemes(labels.get(f"{stem}xx"))
        if isinstance(voiced, str):
            problems[stem] = voiced
        utterances.append(_utterance(stem, wav, name, None if isinstance(voiced, str) else voiced))
    complete, notes, uncounted = _impute(utterances, problems)
    if not complete:
        first = (uncounted or skipped)[0]
        raise CorpusError(
            f"{root}: none of {len(wavs)} utterances can be used (first: {first.name}: {first.reason}); "
            f"expected EmoDB, with {_EXPECTED}"
        )
    return Annotations(
        corpus="emodb",
        root=root,
        emotions=EMOTIONS,
        utterances=tuple(complete),
        partners=_partners({utterance.speaker for utterance in complete}),
        language="de",
        skipped=tuple(skipped + uncounted),
        notes=notes,
    )


def _parse_name(stem: str) -> _Name | str:
    """Parse a wav's name; return the reason if it does not fit."""
    match = _NAME.fullmatch(stem)
    if match is None:
        return "its name does not have the form SSTTTEv, such as 03a01Fa"
    speaker, text, letter, _ = match.groups()
    if letter not in EMOTION_OF_LETTER:
        return f"emotion letter '{letter}' is not one of {', '.join(EMOTION_OF_LETTER)}"
    if text not in TRANSCRIPT_OF_TEXT:
        return f"text '{text}' is not one of {', '.join(TRANSCRIPT_OF_TEXT)}"
    if not any(speaker in pair for pair in PAIRS):
        return f"speaker '{speaker}' is not one of {', '.join(valid for pair in PAIRS for valid in pair)}"
    return _Name(speaker, text, EMOTION_OF_LETTER[letter])


def _voiced_phonemes(path: Path | None) -> int | str:
    """Count the voiced phonemes of a label file; return the reason if that is impossible."""
    if path is None:
        return "it has no lablaut file"
    try:
        segments = parse_lablaut(read_label_text(path), path)
    except AnnotationError as error:
        return str(error)
    return count_voiced(segments, LABLAUT) if segments else "its lablaut file is empty"


def _utterance(stem: str, wav: Path, name: _Name, voiced: int | None) -> Utterance:
    return Utterance(
        id=stem,
        path=wav,
        speaker=name.speaker,
        emotion=name.emotion,
        sentence=name.text,
        transcript=TRANSCRIPT_OF_TEXT[name.text],
        words=len(tokenize_words(TRANSCRIPT_OF_TEXT[name.text])),
        voiced_phonemes=voiced,
        words_source=TRANSCRIPT,
        voiced_phonemes_source=UNKNOWN if voiced is None else "labels",
    )


def _impute(
    utterances: list[Utterance], problems: dict[str, str]
) -> tuple[list[Utterance], tuple[str, ...], list[SkippedFile]]:
    """Impute missing voiced counts; return utterances, one note per imputed count, and failures."""
    complete: list[Utterance] = []
    notes: list[str] = []
    uncounted: list[SkippedFile] = []
    for utterance in utterances:
        if utterance.voiced_phonemes is not None:
            complete.append(utterance)
            continue
        reason = problems[utterance.id]
        counts = [
            candidate.voiced_phonemes
            for candidate in utterances
            if candidate.sentence == utterance.sentence
            and candidate.speaker != utterance.speaker
            and candidate.voiced_phonemes is not None
        ]
        if not counts:
            uncounted.append(
                SkippedFile(utterance.id, f"{reason}, and no other speaker says text {utterance.sentence}")
            )
            continue
        count = round(fmean(counts))
        complete.append(replace(utterance, voiced_phonemes=count, voiced_phonemes_source=IMPUTED))
        notes.append(
            f"{utterance.id}: {count} voiced phonemes imputed, the mean of text {utterance.sentence} "
            f"by other speakers ({reason})"
        )
    return complete, tuple(notes), uncounted


def _partners(speakers: set[str]) -> dict[str, str]:
    ordered_pairs = [pair for a, b in PAIRS for pair in ((a, b), (b, a))]
    return {speaker: partner for speaker, partner in ordered_pairs if {speaker, partner} <= speakers}
