"""Audio of synthetic corpora: seeded noise, or the demo corpus's voices."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from ser.corpora.espeak import SynthesisRequest, SynthesisResult
from ser.corpora.espeak import synthesize as speak
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
_SYNTHESIS_BATCH = 400
"""Utterances whose speech is held in memory together."""

_BREATH_INTERVAL = 3
"""Every third utterance of noise has a breath in its alignment."""


@dataclass(frozen=True)
class Language:
    """Language, and sentences for rows without a transcript.

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
    """Utterance to be synthesized.

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
    """Audio of an utterance and its alignments.

    Attributes:
        samples: 16-bit samples at 16 kHz, shape `(sample,)`.
        transcript: Its words.
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
    voice: str, utterances: Sequence[SyntheticUtterance], language: Language, seed: int, table: Path
) -> Iterator[SynthesizedAudio]:
    """Synthesize all utterances, in order.

    Args:
        voice: One of `VOICE_NAMES`.
        utterances: The utterances.
        language: Sentences for rows without a transcript.
        seed: Another seed gives other samples.
        table: The table, for messages.

    Yields:
        Audio of each utterance.

    Raises:
        AnnotationError: Noise of an utterance without a duration is asked for.
        CorpusError: eSpeak NG is missing or fails.
    """
    if voice == "demo":
        yield from _spoken(utterances, language, seed)
        return
    for index, utterance in enumerate(utterances):
        yield _noise(utterance.row, index, language, seed, table)


def _text(row: TableRow, index: int, language: Language) -> str:
    """Choose the text: the transcript, or a sentence of the language, cut to the row's number of words."""
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
    vocabulary = [word.strip(".,;:!?-").upper() for word in text.split() if word[0].isalnum()] or ["WORD"]
    spoken = list(islice(cycle(vocabulary), words))
    breath = index % _BREATH_INTERVAL == 0
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
    """Divide frames evenly; rows share a frame where there are more rows than frames."""
    rows = []
    for index, symbol in enumerate(symbols):
        start = index * frames // len(symbols)
        rows.append(Segment(start, max(start, (index + 1) * frames // len(symbols) - 1), symbol))
    return tuple(rows)


def _spoken(utterances: Sequence[SyntheticUtterance], language: Language, seed: int) -> Iterator[SynthesizedAudio]:
    variants = _variants(utterances)
    for first in range(0, len(utterances), _SYNTHESIS_BATCH):
        batch = utterances[first : first + _SYNTHESIS_BATCH]
        requests = [
            _request(
                utterance, _text(utterance.row, index, language), f"{language.code}+{variants[utterance.speaker]}", seed
            )
            for index, utterance in enumerate(batch, start=first)
        ]
        for index, (utterance, request, speech) in enumerate(zip(batch, requests, speak(requests), strict=True)):
            yield _in_room(utterance, request, speech, 1_000_000 * seed + first + index, language)


def _variants(utterances: Sequence[SyntheticUtterance]) -> dict[str, str]:
    """Choose a voice variant for each speaker; the demo corpus's speakers have theirs."""
    variants = [voice.partition("+")[2] for voice in VOICES.values()]
    demo_variants: Mapping[str, str] = dict(zip(VOICES, variants, strict=True))
    speakers = sorted({utterance.speaker for utterance in utterances})
    return {
        speaker: demo_variants.get(speaker, variants[index % len(variants)]) for index, speaker in enumerate(speakers)
    }


def _request(utterance: SyntheticUtterance, text: str, voice: str, seed: int) -> SynthesisRequest:
    intended = EMOTION_OFFSETS.get(utterance.acted or "", VoiceOffsets(0, 0, 0, 0))
    return spoken_request(
        text, voice, intended, draw_offset(Random(f"{seed} {utterance.row.id}"), MAX_UTTERANCE_OFFSET, 1.0)
    )


def _in_room(
    utterance: SyntheticUtterance, request: SynthesisRequest, speech: SynthesisResult, index: int, language: Language
) -> SynthesizedAudio:
    if not language.phones:
        samples = add_room_noise(speech, _ROOM_NOISE_PEAK, index)
        return SynthesizedAudio(samples, request.text, word_segments(speech, len(samples) // FRAME_SAMPLES), ())
    plan = PlannedTurn(utterance.row.id, "", 0, utterance.speaker, utterance.row.label, request, _ROOM_NOISE_PEAK)
    turn = spoken_turn(plan, speech, index, start_s=0.0)
    return SynthesizedAudio(turn.samples, request.text, turn.words, turn.phones)
