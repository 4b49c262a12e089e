"""Thin wrapper of the eSpeak NG library, with word and phoneme events.

eSpeak keeps state between utterances, so that the same text can sound differently the second time.
The same sequence of requests in a fresh process, with the random seed set before each, gives the
same samples; `synthesize` therefore runs a whole sequence in a process of its own. It also keeps
the library out of the caller, whatever threads run there.
"""

import ctypes
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.errors import CorpusError

_SYNCHRONOUS = 2
_OPTIONS = 0x8000 | 0x0001  # do not exit on error; send phoneme events
_CHARACTERS_UTF8 = 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_EVENT_END, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7


@dataclass(frozen=True)
class SynthesisRequest:
    """Utterance to be spoken.

    Attributes:
        text: What is said.
        voice: Language and variant, such as 'en-us+f2'.
        rate_wpm: Words per minute, 80 to 450.
        volume: Loudness, 0 to 200; 100 is the voice's own.
        pitch: Base pitch, 0 to 99; 50 is the voice's own.
        pitch_range: How far the pitch moves, 0 to 99; 50 is the voice's own, 0 monotone.
    """

    text: str
    voice: str
    rate_wpm: int
    volume: int
    pitch: int
    pitch_range: int


@dataclass(frozen=True)
class TimeMark:
    """Start of a word or a phoneme.

    Attributes:
        sample: Position, in samples.
        name: The word as written, or eSpeak's mnemonic of the phoneme; '_' and '_:' are pauses.
    """

    sample: int
    name: str


@dataclass(frozen=True)
class SynthesisResult:
    """Spoken utterance.

    Attributes:
        samples: 16-bit samples, shape `(sample,)`.
        sample_rate_hz: Their rate, in hertz.
        words: Starts of its words, in order.
        phonemes: Starts of its phonemes, in order.
    """

    samples: NDArray[np.int16]
    sample_rate_hz: int
    words: tuple[TimeMark, ...]
    phonemes: tuple[TimeMark, ...]


def synthesize(
    requests: Sequence[SynthesisRequest], progress: Callable[[int, int], None] | None = None
) -> list[SynthesisResult]:
    """Speak a sequence of utterances in a fresh process.

    Args:
        requests: Texts and voice settings; the same sequence gives the same samples.
        progress: Called with the number of utterances spoken and of all utterances.

    Returns:
        One utterance per request.

    Raises:
        CorpusError: eSpeak NG is not installed, lacks a voice, or fails.
    """
    if not is_installed():
        raise CorpusError("the demo corpus needs eSpeak NG: pip install 'ser-studies[demo]' (with make: make setup)")
    with tempfile.TemporaryDirectory(prefix="ser-speech-") as name:
        folder = Path(name)
        jobs = folder / "requests.json"
        jobs.write_text(json.dumps([asdict(request) for request in requests]), encoding="utf-8")
        _run_child(folder, len(requests), progress)
        return [_read_speech(folder, index) for index in range(len(requests))]


def _run_child(folder: Path, total: int, progress: Callable[[int, int], None] | None) -> None:
    """Run `run_synthesis_requests` in a new interpreter and follow its progress."""
    code = "import sys; from ser.corpora.espeak import run_synthesis_requests; run_synthesis_requests(sys.argv[1])"
    errors = folder / "errors.txt"
    with (
        errors.open("wb") as sink,
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, stderr=sink, text=True
        ) as child,
    ):
        assert child.stdout is not None
        for line in child.stdout:
            if progress is not None and line.startswith("done "):
                progress(int(line.split()[1]), total)
    if child.returncode != 0:
        messages = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        reason = messages[-1] if messages else f"exit status {child.returncode}"
        raise CorpusError(f"the demo corpus cannot be spoken: {reason.removeprefix('ser.errors.CorpusError: ')}")


def _read_speech(folder: Path, index: int) -> SynthesisResult:
    marks = json.loads((folder / f"{index}.json").read_text(encoding="utf-8"))
    return SynthesisResult(
        samples=np.load(folder / f"{index}.npy"),
        sample_rate_hz=marks["sample_rate_hz"],
        words=tuple(TimeMark(sample, name) for sample, name in marks["words"]),
        phonemes=tuple(TimeMark(sample, name) for sample, name in marks["phonemes"]),
    )


def run_synthesis_requests(folder: str) -> None:
    """Speak `requests.json` of a folder and write the results beside it, in the child process."""
    requests = [
        SynthesisRequest(**job) for job in json.loads(Path(folder, "requests.json").read_text(encoding="utf-8"))
    ]
    library = _Library()
    library.start()
    for index, request in enumerate(requests):
        speech = library.speak(request, seed=index + 1)
        np.save(Path(folder, f"{index}.npy"), speech.samples)
        marks = {
            "sample_rate_hz": speech.sample_rate_hz,
            "words": [[mark.sample, mark.name] for mark in speech.words],
            "phonemes": [[mark.sample, mark.name] for mark in speech.phonemes],
        }
        Path(folder, f"{index}.json").write_text(json.dumps(marks), encoding="utf-8")
        print(f"done {index + 1}", flush=True)


def is_installed() -> bool:
    """Check whether eSpeak NG is installed."""
    return find_spec("espeakng_loader") is not None


def load_library() -> tuple[ctypes.CDLL, Path, int]:
    """Load and initialize eSpeak NG in this process, which is a child that does nothing else.

    Returns:
        The library, the folder of its data, and the sample rate of its voices, in hertz.

    Raises:
        CorpusError: The library refuses to start.
    """
    import espeakng_loader

    data = Path(espeakng_loader.get_data_path())
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    sample_rate_hz = int(library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _OPTIONS))
    if sample_rate_hz <= 0:
        raise CorpusError(f"eSpeak NG does not start with its data in {data}")
    return library, data, sample_rate_hz


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Library:
    """eSpeak NG in this process; the library has one global state, so make one instance only."""

    def __init__(self) -> None:
        self._pieces: list[NDArray[np.int16]] = []
        self._words: list[tuple[int, int, int]] = []
        self._phonemes: list[TimeMark] = []
        self._receiver = _Callback(self._receive)  # referenced here: the library calls it as long as it lives
        self._sample_rate_hz = 0

    def start(self) -> None:
        """Load and initialize the library.

        Raises:
            CorpusError: The library refuses to start.
        """
        self._library, self._data, self._sample_rate_hz = load_library()
        self._library.espeak_SetSynthCallback(self._receiver)

    def speak(self, request: SynthesisRequest, seed: int) -> SynthesisResult:
        """Speak one utterance.

        Raises:
            CorpusError: The voice does not exist, or the library fails.
        """
        self._set_voice(request.voice)
        for parameter, value in (
            (_RATE, request.rate_wpm),
            (_VOLUME, request.volume),
            (_PITCH, request.pitch),
            (_RANGE, request.pitch_range),
        ):
            self._check(self._library.espeak_SetParameter(parameter, value, 0), f"parameter {parameter} = {value}")
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed))
        self._pieces, self._words, self._phonemes = [], [], []
        text = request.text.encode("utf-8")
        self._check(
            self._library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 1, 0, _CHARACTERS_UTF8, None, None),
            f"text {request.text!r}",
        )
        self._check(self._library.espeak_Synchronize(), f"text {request.text!r}")
        words = tuple(TimeMark(sample, request.text[at - 1 : at - 1 + length]) for sample, at, length in self._words)
        samples = np.concatenate(self._pieces) if self._pieces else np.zeros(0, dtype=np.int16)
        return SynthesisResult(samples, self._sample_rate_hz, words, tuple(self._phonemes))

    def _set_voice(self, voice: str) -> None:
        """Choose a voice; the library silently ignores a variant that it does not have."""
        _, _, variant = voice.partition("+")
        if variant and not (self._data / "voices" / "!v" / variant).is_file():
            raise CorpusError(f"eSpeak NG has no voice variant '{variant}'")
        self._check(self._library.espeak_SetVoiceByName(voice.encode()), f"voice '{voice}'")

    def _check(self, status: int, what: str) -> None:
        if status != 0:
            raise CorpusError(f"eSpeak NG refuses {what} (status {status})")

    def _receive(self, wave: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_Event]") -> int:
        """Receive samples and events; 0 tells the library to continue."""
        if wave and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wave, shape=(count,)).copy())
        index = 0
        while events[index].type != _EVENT_END:
            event = events[index]
            if event.type == _EVENT_WORD:
                self._words.append((event.sample, event.text_position, event.length))
            elif event.type == _EVENT_PHONEME:
                self._phonemes.append(TimeMark(event.sample, bytes(event.id.string).decode("utf-8")))
            index += 1
        return 0
