"""Word and voiced-phoneme counts from transcripts, for utterances that lack them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ser.corpora.corpus import IMPUTED, Annotations, Utterance
from ser.corpora.transcripts.g2p import count_spoken_words, to_phonemes
from ser.corpora.transcripts.phones import IPA, count_voiced, ipa_phones
from ser.errors import CorpusError

TRANSCRIPT = "transcript"
"""Source of words counted in a transcript."""

GRAPHEME_TO_PHONEME = "grapheme-to-phoneme"
"""Source of voiced phonemes derived from a transcript's spelling."""

UNDETERMINED = "und"
"""Code of an unknown language."""

WRITTEN_WITHOUT_BLANKS = frozenset({"zh", "ja", "th", "km", "lo", "my", "bo", "dz"})
"""Languages whose words can't be counted without a dictionary."""

_NO_LANGUAGE = "the language is not given; set it with option language"
_REMARK = re.compile(r"\[[^\[\]]*\]|<[^<>]*>")
_BETWEEN_WORDS = re.compile(r"[\s\u2013\u2014\u2026/]+")


@dataclass
class _CountIssues:
    """Utterances whose counts stay unknown or are imputed, by count, outcome and reason."""

    ids: dict[tuple[str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, count: str, utterances: Iterable[Utterance], reason: str, outcome: str = "unknown") -> None:
        self.ids[count, outcome, reason].extend(utterance.id for utterance in utterances)

    def notes(self) -> tuple[str, ...]:
        return tuple(
            f"the {count} of {len(ids)} utterances with a transcript (first: {ids[0]}) are {outcome}: {reason}"
            for (count, outcome, reason), ids in self.ids.items()
        )


def tokenize_words(transcript: str) -> list[str]:
    """Split a transcript into words, with adjacent punctuation.

    Remarks in square or angle brackets are not spoken, and what has neither a letter nor a digit is no
    word. A hyphen or an apostrophe does not divide a word; a dash and a slash do.

    Examples:
        >>> tokenize_words("[LAUGHTER] Well - I don't know…")
        ['Well', 'I', "don't", 'know']
    """
    pieces = _BETWEEN_WORDS.split(_REMARK.sub(" ", transcript))
    return [piece for piece in pieces if any(character.isalnum() for character in piece)]


def voiced_phonemes_in(transcripts: Sequence[str], language: str) -> list[int]:
    """Count the voiced phonemes of each transcript by its spelling.

    Args:
        transcripts: Transcripts of one language.
        language: ISO 639-1 code.

    Raises:
        CorpusError: eSpeak NG is not installed, does not know the language, or writes a symbol that
            the phonetic alphabet here does not have; the text names the symbol.
    """
    return [_voiced(symbols) for symbols in _phonemes(transcripts, language)]


def _phonemes(transcripts: Iterable[str], language: str) -> list[tuple[str, ...] | None]:
    return to_phonemes([" ".join(tokenize_words(transcript)) for transcript in transcripts], language)


def _voiced(symbols: Iterable[str] | None) -> int:
    if symbols is None:
        raise CorpusError("eSpeak NG crashes on the transcript")
    return count_voiced((phone for symbol in symbols for phone in ipa_phones(symbol)), IPA)


def add_transcript_counts(annotations: Annotations) -> Annotations:
    """Fill missing counts of utterances with a transcript; the corpus's own counts stay.

    Words are counted in the transcript, a number as the words in which eSpeak NG speaks it (one where it
    cannot); voiced phonemes by grapheme-to-phoneme conversion. Where that fails for some transcripts of a
    language, they are imputed: letters times the mean of voiced phonemes per letter. Where it fails for
    most, the counts stay unknown. Notes say why.

    Returns:
        The same corpus with more counts, each with its origin.
    """
    issues = _CountIssues()
    words = _words(annotations, issues)
    voiced = _voiced_phonemes(annotations, issues)
    return replace(
        annotations,
        utterances=tuple(
            _fill_counts(utterance, words.get(utterance.id), voiced.get(utterance.id))
            for utterance in annotations.utterances
        ),
        notes=annotations.notes + issues.notes(),
    )


def _fill_counts(utterance: Utterance, words: int | None, voiced: tuple[int, str] | None) -> Utterance:
    if words is not None:
        utterance = replace(utterance, words=words, words_source=TRANSCRIPT)
    if voiced is not None:
        utterance = replace(utterance, voiced_phonemes=voiced[0], voiced_phonemes_source=voiced[1])
    return utterance


def _language(utterance: Utterance, annotations: Annotations) -> str:
    return utterance.language or annotations.language


def _words(annotations: Annotations, issues: _CountIssues) -> dict[str, int]:
    """Return words by utterance id, for those that lack them and have a transcript."""
    uncounted: dict[str, list[tuple[Utterance, list[str]]]] = defaultdict(list)
    for utterance in annotations.utterances:
        if utterance.words is None and utterance.transcript is not None:
            language = _language(utterance, annotations)
            if language in WRITTEN_WITHOUT_BLANKS:
                issues.add("words", [utterance], f"language '{language}' is written without blanks between words")
            else:
                uncounted[language].append((utterance, tokenize_words(utterance.transcript)))
    counts: dict[str, int] = {}
    for language, utterances in uncounted.items():
        numbers = {word for _, words in utterances for word in words if _has_digit(word)}
        try:
            spoken = _words_of_numbers(sorted(numbers), language)
        except CorpusError as error:
            spoken = {}
            affected = [utterance for utterance, words in utterances if any(map(_has_digit, words))]
            issues.add("words", affected, str(error), "counted with one word for each number")
        counts |= {utterance.id: sum(spoken.get(word, 1) for word in words) for utterance, words in utterances}
    return counts


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)


def _words_of_numbers(numbers: Sequence[str], language: str) -> dict[str, int]:
    """Count the words in which each number of a language is spoken, one at least."""
    if not numbers:
        return {}
    if language == UNDETERMINED:
        raise CorpusError(_NO_LANGUAGE)
    return {number: words or 1 for number, words in zip(numbers, count_spoken_words(numbers, language), strict=True)}


def _voiced_phonemes(annotations: Annotations, issues: _CountIssues) -> dict[str, tuple[int, str]]:
    """Voiced phonemes and their source by utterance id, for those that lack them and have a transcript."""
    uncounted: dict[str, dict[str, list[Utterance]]] = defaultdict(lambda: defaultdict(list))
    for utterance in annotations.utterances:
        if utterance.voiced_phonemes is None and utterance.transcript is not None:
            uncounted[_language(utterance, annotations)][utterance.transcript].append(utterance)
    counts: dict[str, tuple[int, str]] = {}
    for language, groups in uncounted.items():
        try:
            if language == UNDETERMINED:
                raise CorpusError(_NO_LANGUAGE)
            phonemes = _phonemes(groups, language)
        except CorpusError as error:
            affected = [utterance for group in groups.values() for utterance in group]
            issues.add("voiced phonemes", affected, str(error))
            continue
        counted: dict[str, int] = {}
        failures: dict[str, str] = {}
        for transcript, symbols in zip(groups, phonemes, strict=True):
            try:
                counted[transcript] = _voiced(symbols)
            except CorpusError as error:
                failures[transcript] = str(error)
        imputed = _imputed_counts(counted, failures)
        outcome = "imputed from their number of letters" if imputed else "unknown"
        for transcript, reason in failures.items():
            issues.add("voiced phonemes", groups[transcript], reason, outcome)
        for transcript, count in (counted | imputed).items():
            source = IMPUTED if transcript in imputed else GRAPHEME_TO_PHONEME
            counts |= {utterance.id: (count, source) for utterance in groups[transcript]}
    return counts


def _imputed_counts(counted: Mapping[str, int], failures: Iterable[str]) -> dict[str, int]:
    """Estimate the counts of some transcripts by their letters; none where most transcripts of a language fail."""
    failed = list(failures)
    letters = sum(map(_letters, counted))
    if len(counted) < len(failed) or not letters:
        return {}
    per_letter = sum(counted.values()) / letters
    return {transcript: max(1, round(per_letter * _letters(transcript))) for transcript in failed}


def _letters(transcript: str) -> int:
    return sum(character.isalnum() for word in tokenize_words(transcript) for character in word)
