"""Script of the demo corpus: speakers, sentences, emotions and voice settings.

An emotion moves the voice's pitch, range, rate and volume. Speakers act with different strength, and
each utterance has a random offset, so that the classes overlap. Everything is drawn
with `random.Random` and plain arithmetic, so that ids, texts and labels are the same on every machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from random import Random

from ser.corpora.espeak import SynthesisRequest

OVERLAP = 0.85
"""Scale of random offsets: 0 makes the classes trivial, 2 hardly separable."""

SEED = 2020
SESSIONS = 5
DIALOGS = ("F_impro01", "F_impro02", "M_impro01", "M_impro02")
TURNS_PER_SPEAKER_AND_DIALOG = 5

EMOTION_CODES = ("neu", "hap", "sad", "ang")

VOICES = {
    "Ses01F": "en-us+f2",
    "Ses01M": "en-us+m1",
    "Ses02F": "en-us+f5",
    "Ses02M": "en-us+m3",
    "Ses03F": "en-us+Annie",
    "Ses03M": "en-us+m7",
    "Ses04F": "en-us+steph",
    "Ses04M": "en-us+Michael",
    "Ses05F": "en-us+linda",
    "Ses05M": "en-us+gustave",
}
"""Voices by speaker; the demo's code checks that each exists."""

SENTENCES = (
    "Put the box there.",
    "The train leaves soon.",
    "My sister works here.",
    "We take the bus.",
    "My keys are inside.",
    "He wrote a letter.",
    "Dinner is at seven.",
    "The shop is open.",
    "Give this to Martin.",
    "There is milk left.",
    "They met last Friday.",
    "She left her coat.",
    "The window faces west.",
    "I bought new shoes.",
    "We saw it today.",
    "The water is warm.",
    "Tom brings the mail.",
    "The road is long.",
    "Leave the bag here.",
    "The doctor calls later.",
    "Anna has a dog.",
    "It rained last night.",
    "The lesson begins soon.",
    "All lamps are on.",
)
"""Sentences, without any hint at an emotion."""


@dataclass(frozen=True)
class VoiceOffsets:
    """Offsets of the voice's settings, in eSpeak's units (see `SynthesisRequest`)."""

    pitch: float
    pitch_range: float
    rate_wpm: float
    volume: float


SETTINGS = tuple(field.name for field in fields(VoiceOffsets))

EMOTION_OFFSETS = {
    "neu": VoiceOffsets(pitch=-8, pitch_range=-10, rate_wpm=2, volume=0),
    "hap": VoiceOffsets(pitch=20, pitch_range=30, rate_wpm=0, volume=2),
    "sad": VoiceOffsets(pitch=-6, pitch_range=-24, rate_wpm=-14, volume=-26),
    "ang": VoiceOffsets(pitch=2, pitch_range=14, rate_wpm=8, volume=34),
}
"""Offsets of the voice by emotion."""

MAX_UTTERANCE_OFFSET = VoiceOffsets(pitch=12, pitch_range=20, rate_wpm=8, volume=20)
"""Largest random offset of an utterance at `OVERLAP` 1; the sum of two uniform draws, so mostly less."""

MAX_SPEAKER_OFFSET = VoiceOffsets(pitch=6, pitch_range=8, rate_wpm=4, volume=8)
"""Largest habitual offset of a speaker."""

NEUTRAL_VOICE = SynthesisRequest(text="", voice="en-us", rate_wpm=145, volume=70, pitch=45, pitch_range=45)
MIN_SETTINGS = VoiceOffsets(pitch=0, pitch_range=0, rate_wpm=125, volume=25)
MAX_SETTINGS = VoiceOffsets(pitch=99, pitch_range=99, rate_wpm=160, volume=120)
"""Limits of the settings; faster speech would have more voiced phonemes than CTC has frames for."""


@dataclass(frozen=True)
class PlannedTurn:
    """Utterance of the demo corpus before synthesis.

    Attributes:
        utterance: Its id.
        dialog: Its dialog.
        session: Number of its session, from 1.
        speaker: Its speaker.
        emotion: One of `EMOTION_CODES`.
        request: Text and voice settings.
        noise_peak: Largest sample of the speaker's room noise, in steps of 16-bit audio.
    """

    utterance: str
    dialog: str
    session: int
    speaker: str
    emotion: str
    request: SynthesisRequest
    noise_peak: int


@dataclass(frozen=True)
class _SpeakerProfile:
    """Voice and acting habits of a speaker."""

    offset: VoiceOffsets
    strength: dict[str, VoiceOffsets]
    noise_peak: int
    emotions: list[str]
    sentences: list[str]


def plan_turns() -> tuple[PlannedTurn, ...]:
    """Plan all utterances of the demo corpus, in the order in which they are spoken."""
    return tuple(turn for session in range(1, SESSIONS + 1) for turn in _plan_session(session))


def _plan_session(session: int) -> Iterator[PlannedTurn]:
    name = f"Ses{session:02d}"
    profiles = {letter: _plan_speaker(name + letter) for letter in "FM"}
    for dialog_index, dialog in enumerate(DIALOGS):
        for turn in range(TURNS_PER_SPEAKER_AND_DIALOG):
            index = dialog_index * TURNS_PER_SPEAKER_AND_DIALOG + turn
            for letter in "FM":
                utterance = f"{name}{dialog}_{letter}{turn:03d}"
                emotion = profiles[letter].emotions[index]
                yield PlannedTurn(
                    utterance=utterance,
                    dialog=f"{name}{dialog}",
                    session=session,
                    speaker=name + letter,
                    emotion=emotion,
                    request=_request(utterance, VOICES[name + letter], emotion, profiles[letter], index),
                    noise_peak=profiles[letter].noise_peak,
                )


def _plan_speaker(speaker: str) -> _SpeakerProfile:
    random = Random(f"{SEED} {speaker}")
    turns = len(DIALOGS) * TURNS_PER_SPEAKER_AND_DIALOG
    emotions = [EMOTION_CODES[turn % len(EMOTION_CODES)] for turn in range(turns)]
    random.shuffle(emotions)
    sentences = list(SENTENCES)
    random.shuffle(sentences)
    return _SpeakerProfile(
        offset=draw_offset(random, MAX_SPEAKER_OFFSET, 1.0),
        strength={code: VoiceOffsets(*(0.6 + 0.8 * random.random() for _ in range(4))) for code in EMOTION_CODES},
        noise_peak=8 + int(24 * random.random()),
        emotions=emotions,
        sentences=sentences[:turns],
    )


def _request(utterance: str, voice: str, emotion: str, profile: _SpeakerProfile, index: int) -> SynthesisRequest:
    """Combine neutral voice, speaker's habit, acted emotion and random offset."""
    acted, strength, habit = EMOTION_OFFSETS[emotion], profile.strength[emotion], profile.offset
    intended = VoiceOffsets(
        *(getattr(habit, name) + getattr(acted, name) * getattr(strength, name) for name in SETTINGS),
    )
    offset = draw_offset(Random(f"{SEED} {utterance}"), MAX_UTTERANCE_OFFSET, OVERLAP)
    return spoken_request(profile.sentences[index], voice, intended, offset)


def spoken_request(text: str, voice: str, intended: VoiceOffsets, offset: VoiceOffsets) -> SynthesisRequest:
    """Request a text in the neutral voice, moved by the intended and a random offset, within limits.

    Args:
        text: The sentence.
        voice: Language and variant, such as 'en-us+f2'.
        intended: Offsets of speaker and emotion.
        offset: Random offset.
    """

    def setting(name: str) -> int:
        value = round(getattr(NEUTRAL_VOICE, name) + getattr(intended, name) + getattr(offset, name))
        return int(min(max(value, getattr(MIN_SETTINGS, name)), getattr(MAX_SETTINGS, name)))

    return SynthesisRequest(
        text=text,
        voice=voice,
        rate_wpm=setting("rate_wpm"),
        volume=setting("volume"),
        pitch=setting("pitch"),
        pitch_range=setting("pitch_range"),
    )


def draw_offset(random: Random, largest: VoiceOffsets, scale: float) -> VoiceOffsets:
    """Draw a random offset in -largest..largest times the scale; small ones are likelier."""

    def draw(limit: float) -> float:
        return scale * limit * (random.random() + random.random() - 1.0)

    return VoiceOffsets(draw(largest.pitch), draw(largest.pitch_range), draw(largest.rate_wpm), draw(largest.volume))
