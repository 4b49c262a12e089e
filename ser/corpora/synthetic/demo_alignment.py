"""Audio and alignments of the demo corpus: 16 kHz with room noise.

Frames are 10 ms long; a row's last frame is inclusive.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from ser.corpora.espeak import SynthesisResult, TimeMark
from ser.corpora.iemocap.parsers import Segment
from ser.corpora.synthetic.demo_script import SEED, PlannedTurn
from ser.errors import CorpusError

SAMPLE_RATE_HZ = 16_000
FRAME_SAMPLES = 160
EDGE_S = 0.1
"""Room noise before and after the speech, in seconds."""

PAUSE_MNEMONICS = ("_", "_:", "_!", "__")
STRESS_MARKS = "',%=|"

_CMU_ROWS = """
p P; b B; t T; d D; t# DX; k K; g G; tS CH; dZ JH; f F; v V; T TH; D DH; s S; z Z; S SH; Z ZH; h HH;
m M; n N; N NG; l L; r R; r- R; j Y; w W;
I IH; I2 IH; I# IX; i IY; i: IY; E EH; a AE; aa AE; a# AX; @ AX; @2 AX; V AH; 0 AA; A: AA; O: AO; O2 AO;
U UH; u: UW; 3 AXR; 3: ER; eI EY; aI AY; aU AW; oU OW; OI OY;
A@ AA R; O@ AO R; o@ AO R; e@ EH R; i@3 IH R; U@ UH R; aI@ AY AXR; @L AX L
"""
CMU_OF_MNEMONIC: dict[str, tuple[str, ...]] = {
    row.split()[0]: tuple(row.split()[1:]) for row in _CMU_ROWS.replace("\n", " ").split(";")
}
"""Phones by eSpeak's mnemonic for American English; a coloured vowel becomes a vowel and an R."""

LINKING_GLIDE = ";"
"""eSpeak's mark of a palatal onset: it colours its neighbour and is no phone."""


@dataclass(frozen=True)
class SpokenTurn:
    """Utterance of the demo corpus as it is written.

    Attributes:
        plan: Its plan.
        samples: 16-bit samples at 16 kHz, shape `(sample,)`.
        words: Word alignment, covering all frames.
        phones: Phone alignment, covering all frames.
        start_s: Start in its dialog, in seconds.
    """

    plan: PlannedTurn
    samples: NDArray[np.int16]
    words: tuple[Segment, ...]
    phones: tuple[Segment, ...]
    start_s: float

    @property
    def end_s(self) -> float:
        """End in its dialog, in seconds."""
        return self.start_s + len(self.samples) / SAMPLE_RATE_HZ


def spoken_turn(plan: PlannedTurn, speech: SynthesisResult, index: int, start_s: float) -> SpokenTurn:
    """Convert synthesized speech to 16 kHz with room noise, and its events to alignments.

    Args:
        plan: Its plan.
        speech: The synthesized speech.
        index: Position in the corpus; it seeds the noise.
        start_s: Start in the dialog, in seconds.

    Raises:
        CorpusError: eSpeak joined words, or used a phoneme that has no CMU phone.
    """
    if len(speech.words) != len(plan.request.text.split()):
        raise CorpusError(f"eSpeak NG joined words of {plan.request.text!r}: {[mark.name for mark in speech.words]}")
    samples = add_room_noise(speech, plan.noise_peak, index)
    frames = len(samples) // FRAME_SAMPLES
    return SpokenTurn(
        plan=plan,
        samples=samples,
        words=word_segments(speech, frames),
        phones=_segments_from_marks(_phone_marks(speech), speech.sample_rate_hz, frames),
        start_s=start_s,
    )


def word_segments(speech: SynthesisResult, frames: int) -> tuple[Segment, ...]:
    """Align the words of speech in its room, silences included, over that many frames."""
    return _segments_from_marks(_word_marks(speech), speech.sample_rate_hz, frames)


def add_room_noise(speech: SynthesisResult, noise_peak: int, index: int) -> NDArray[np.int16]:
    """Resample speech to 16 kHz and embed it in steady noise.

    Args:
        speech: The synthesized speech.
        noise_peak: Largest sample of the noise, in steps of 16-bit audio.
        index: Seeds the noise.

    Returns:
        16-bit samples, shape `(sample,)`.
    """
    voice = soxr.resample(speech.samples.astype(np.float64), speech.sample_rate_hz, SAMPLE_RATE_HZ, quality="HQ")
    edge = np.zeros(round(EDGE_S * SAMPLE_RATE_HZ))
    padded = np.concatenate([edge, voice, edge])
    noise = np.random.default_rng([SEED, index]).integers(-noise_peak, noise_peak, size=len(padded), endpoint=True)
    samples: NDArray[np.int16] = np.clip(np.rint(padded) + noise, -32768, 32767).astype(np.int16)
    return samples


def _word_marks(speech: SynthesisResult) -> list[tuple[float, str]]:
    """List the starts of words and pauses, in eSpeak's samples; the last pause becomes `</s>`."""
    marks = [(float(mark.sample), mark.name.upper()) for mark in speech.words]
    marks += [(float(mark.sample), "<sil>") for mark in _pauses(speech.phonemes)]
    marks.sort(key=lambda mark: mark[0])
    end = marks.pop()[0] if marks[-1][1] == "<sil>" else float(len(speech.samples))
    return [(-1.0, "<s>"), *marks, (end, "</s>")]


def _phone_marks(speech: SynthesisResult) -> list[tuple[float, str]]:
    """List the starts of phones, in eSpeak's samples; divide a phoneme of several phones evenly."""
    marks: list[tuple[float, str]] = [(-1.0, "SIL")]
    ends = [*(mark.sample for mark in speech.phonemes[1:]), len(speech.samples)]
    for mark, end in zip(speech.phonemes, ends, strict=True):
        phones = _cmu_phones(mark.name)
        if phones == ("SIL",) and marks[-1][1] == "SIL":
            continue
        step = (end - mark.sample) / max(1, len(phones))
        marks += [(mark.sample + index * step, phone) for index, phone in enumerate(phones)]
    return marks


def _pauses(phonemes: Sequence[TimeMark]) -> list[TimeMark]:
    """List pauses, without those that follow another pause."""
    flags = [mark.name in PAUSE_MNEMONICS for mark in phonemes]
    return [mark for index, mark in enumerate(phonemes) if flags[index] and not (index and flags[index - 1])]


def _cmu_phones(mnemonic: str) -> tuple[str, ...]:
    if mnemonic in PAUSE_MNEMONICS:
        return ("SIL",)
    plain = mnemonic.strip(STRESS_MARKS)
    if plain == LINKING_GLIDE:
        return ()
    if plain not in CMU_OF_MNEMONIC:
        raise CorpusError(f"eSpeak's phoneme '{mnemonic}' has no CMU phone")
    return CMU_OF_MNEMONIC[plain]


def _segments_from_marks(marks: Sequence[tuple[float, str]], rate_hz: int, frames: int) -> tuple[Segment, ...]:
    """Convert starts to rows that cover all frames; each row has at least one frame."""
    starts: list[int] = []
    for position, _ in marks:
        seconds = 0.0 if position < 0 else EDGE_S + position / rate_hz
        frame = int(seconds * SAMPLE_RATE_HZ) // FRAME_SAMPLES
        starts.append(max(frame, starts[-1] + 1) if starts else 0)
    ends = [start - 1 for start in starts[1:]] + [frames - 1]
    return tuple(Segment(start, end, symbol) for start, end, (_, symbol) in zip(starts, ends, marks, strict=True))
