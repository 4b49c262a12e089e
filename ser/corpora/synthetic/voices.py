"""What a synthetic corpus sounds like: seeded noise, or the demo corpus's voices."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from ser.corpora.espeak import SynthesisRequest, SynthesisResult, synthesise
from ser.corpora.iemocap.parsers import Segment
from ser.corpora.synthetic.demo_alignment import (
    FRAME_SAMPLES,
    SAMPLE_RATE_HZ,
    add_room_noise,
    spoken_turn,
    word_segments,
)
from ser.corpora.synthetic.demo_script import (
    EMOTION_OFFSETS,
    MAX_UTTERANCE_OFFSET,
    VOICES,
    PlannedTurn,
    VoiceOffsets,
    draw_offset,
    spoken_request,
)
from ser.corpora.synthetic.table import TableRow
from ser.corpora.transcripts.counts import tokenize_words
from ser.errors import AnnotationError

VOICE_NAMES = ("noise", "demo")
"""`noise` needs nothing and is fast; `demo` speaks the transcripts with eSpeak NG."""

_NOISE_PEAK = 3000
_ROOM_NOISE_PEAK = 16
_SPOKEN_AT_ONCE = 400
"""Utterances whose speech is held in memory together."""

_NOISES_EVERY = 3
"""Every third utterance of noise breathes, as far as its alignment is concerned."""


@dataclass(frozen=True)
class Language:
    """What is said where the table gives no transcript.

    Attributes:
        code: eSpeak's language, such as 'en-us'.
        sentences: Sentences, taken in turn.
        phones: Whether phones are aligned too; their alphabet is that of American English.
    """

    code: str
    sentences: Sequence[str]
    phones: bool


@dataclass(frozen=True)
class SyntheticUtterance:
    """One utterance to be heard.

    Attributes:
        row: Its row of the table.
        speaker: Its speaker.
        acted: Which of the demo corpus's emotions it is spoken in; None for none.
    """

    row: TableRow
    speaker: str
    acted: str | None


@dataclass(frozen=True)
class SynthesizedAudio:
    """What is heard.

    Attributes:
        samples: 16-bit samples at 16 kHz, shape `(sample,)`.
        transcript: What is said.
        words: Word alignment, silences and noises included.
        phones: Phone alignment; none in a language without one.
    """

    samples: NDArray[np.int16]
    transcript: str
    words: tuple[Segment, ...]
    phones: tuple[Segment, ...]

    @property
    def duration_s(self) -> float:
        """Duration in seconds."""
        return len(self.samples) / SAMPLE_RATE_HZ


def synthesize(
    voice: str, parts: Sequence[SyntheticUtterance], language: Language, seed: int, table: Path
) -> Iterator[SynthesizedAudio]:
    """Makes the sound of all utterances, in order.

    Args:
        voice: One of `VOICE_NAMES`.
        parts: The utterances.
        language: What is said where the table gives nothing.
        seed: Another seed gives other samples.
        table: The table, for messages.

    Yields:
        One sound an utterance.

    Raises:
        AnnotationError: Noise of an utterance without a duration is asked for.
        CorpusError: eSpeak NG is missing or fails.
    """
    if voice == "demo":
        yield from _spoken(parts, language, seed)
        return
    for index, part in enumerate(parts):
        yield _noise(part.row, index, language, seed, table)


def _text(row: TableRow, index: int, language: Language) -> str:
    """What is said: the transcript, or sentences of the language, cut to the number of words where there is one."""
    if row.transcript is not None:
        return row.transcript
    sentence = language.sentences[index % len(language.sentences)]
    if row.words is None:
        return sentence
    return " ".join(islice(cycle(sentence.rstrip(".").split()), row.words))


def _noise(row: TableRow, index: int, language: Language, seed: int, table: Path) -> SynthesizedAudio:
    if row.duration_s is None:
        raise AnnotationError(table, row.line, "a duration_s, which the voice 'noise' needs")
    text, length = _text(row, index, language), round(row.duration_s * SAMPLE_RATE_HZ)
    generator = np.random.default_rng([seed, index])
    samples = generator.integers(-_NOISE_PEAK, _NOISE_PEAK, size=length, dtype=np.int16, endpoint=True)
    words = len(tokenize_words(text)) if row.words is None else row.words
    voiced = 2 * words if row.voiced_phonemes is None else row.voiced_phonemes
    said = [word.strip(".,;:!?-").upper() for word in text.split() if word[0].isalnum()] or ["WORD"]
    spoken = list(islice(cycle(said), words))
    breath = index % _NOISES_EVERY == 0
    if spoken and breath:
        spoken[0] += "(2)"
    frames = length // FRAME_SAMPLES
    word_rows = _spread(["<s>", *(["++BREATHING++"] if breath else []), *spoken, "<sil>", "</s>"], frames)
    if not language.phones:
        return SynthesizedAudio(samples, text, word_rows, ())
    # Each voiced phone follows an unvoiced one, which shows a reader who counts all of them.
    phones = ["SIL", *(["+BREATHING+"] if breath else []), *["T", "AH"] * voiced, "SIL"]
    return SynthesizedAudio(samples, text, word_rows, _spread(phones, frames))


def _spread(symbols: Sequence[str], frames: int) -> tuple[Segment, ...]:
    """Divides frames evenly; rows share a frame where there are more rows than frames."""
    rows = []
    for place, symbol in enumerate(symbols):
        start = place * frames // len(symbols)
        rows.append(Segment(start, max(start, (place + 1) * frames // len(symbols) - 1), symbol))
    return tuple(rows)


def _spoken(parts: Sequence[SyntheticUtterance], language: Language, seed: int) -> Iterator[SynthesizedAudio]:
    variants = _variants(parts)
    for first in range(0, len(parts), _SPOKEN_AT_ONCE):
        some = parts[first : first + _SPOKEN_AT_ONCE]
        requests = [
            _request(part, _text(part.row, index, language), f"{language.code}+{variants[part.speaker]}", seed)
            for index, part in enumerate(some, start=first)
        ]
        for index, (part, request, speech) in enumerate(zip(some, requests, synthesise(requests), strict=True)):
            yield _in_room(part, request, speech, 1_000_000 * seed + first + index, language)


def _variants(parts: Sequence[SyntheticUtterance]) -> dict[str, str]:
    """A voice variant for each speaker; those of the demo corpus have the ones they have there."""
    variants = [voice.partition("+")[2] for voice in VOICES.values()]
    own: Mapping[str, str] = dict(zip(VOICES, variants, strict=True))
    speakers = sorted({part.speaker for part in parts})
    return {speaker: own.get(speaker, variants[place % len(variants)]) for place, speaker in enumerate(speakers)}


def _request(part: SyntheticUtterance, text: str, voice: str, seed: int) -> SynthesisRequest:
    meant = EMOTION_OFFSETS.get(part.acted or "", VoiceOffsets(0, 0, 0, 0))
    return spoken_request(text, voice, meant, draw_offset(Random(f"{seed} {part.row.id}"), MAX_UTTERANCE_OFFSET, 1.0))


def _in_room(
    part: SyntheticUtterance, request: SynthesisRequest, speech: SynthesisResult, index: int, language: Language
) -> SynthesizedAudio:
    if not language.phones:
        samples = add_room_noise(speech, _ROOM_NOISE_PEAK, index)
        return SynthesizedAudio(samples, request.text, word_segments(speech, len(samples) // FRAME_SAMPLES), ())
    plan = PlannedTurn(part.row.id, "", 0, part.speaker, part.row.label, request, _ROOM_NOISE_PEAK)
    turn = spoken_turn(plan, speech, index, start_s=0.0)
    return SynthesizedAudio(turn.samples, request.text, turn.words, turn.phones)
