"""Grapheme-to-phoneme conversion by eSpeak NG.

The library runs in a process of its own, as in `ser.corpora.espeak`: it keeps state, and its crash
on some odd text must not take the caller along.
"""

import ctypes
import json
import re
import subprocess
import sys
from collections.abc import Sequence

from ser.corpora.espeak import is_installed, load_library
from ser.errors import CorpusError

HOW_TO_INSTALL = "pip install 'ser-studies[demo]' (with make: make setup)"

_VOICE_OF_LANGUAGE = {"en": "en-us", "no": "nb", "zh": "cmn"}
"""Voices whose name is not their language's code. American English pronounces its r's, as CMU's phones do."""

_MAX_CRASHES = 20
"""Texts on which eSpeak NG may crash before the language counts as unusable."""

_CHARACTERS_UTF8 = 1
_SEPARATOR = "_"
_IPA_WITH_SEPARATOR = 0x02 | ord(_SEPARATOR) << 8

_LANGUAGE_SWITCH = re.compile(r"\([^()]*\)")
"""How eSpeak marks words that it takes for another language's, such as '(en)' and '(de)'."""


def to_phonemes(texts: Sequence[str], language: str) -> list[tuple[str, ...] | None]:
    """Convert texts of one language to phonemes; numbers are spoken as that language's words.

    Args:
        texts: What was said, in writing.
        language: ISO 639-1 code.

    Returns:
        For each text its phonemes in IPA, with marks of stress and length (none where nothing is to be
        said), or None where eSpeak NG crashed on it.

    Raises:
        CorpusError: eSpeak NG is not installed, does not know the language, or fails.

    Examples:
        >>> to_phonemes(["Guten Tag"], "de")
        [('ɡ', 'ˈuː', 't', 'ə', 'n', 't', 'ˈɑː', 'k')]
    """
    return [None if spoken is None else _split(spoken) for spoken in _speak(texts, language)]


def count_spoken_words(texts: Sequence[str], language: str) -> list[int | None]:
    """Count the words in which texts of one language are spoken, numbers as that language's words.

    Args:
        texts: What was said, in writing.
        language: ISO 639-1 code.

    Returns:
        For each text the number of its words, or None where eSpeak NG crashed on it.

    Raises:
        CorpusError: eSpeak NG is not installed, does not know the language, or fails.

    Examples:
        >>> count_spoken_words(["1984", "3rd"], "en")
        [3, 1]
    """
    return [None if spoken is None else len(spoken.split()) for spoken in _speak(texts, language)]


def _speak(texts: Sequence[str], language: str) -> list[str | None]:
    """Let eSpeak NG write what it says: phonemes with `_SEPARATOR`, and blanks between words."""
    if not is_installed():
        raise CorpusError(f"grapheme-to-phoneme conversion needs eSpeak NG: {HOW_TO_INSTALL}")
    spoken: list[str | None] = []
    crashes = 0
    while len(spoken) < len(texts):
        answers, message = _run_child(_VOICE_OF_LANGUAGE.get(language, language), texts[len(spoken) :])
        spoken += answers
        if len(spoken) == len(texts):
            break
        crashes += 1
        if message or crashes > _MAX_CRASHES:
            raise CorpusError(f"no phonemes of language '{language}': {message or 'eSpeak NG crashes on its texts'}")
        spoken.append(None)
    return spoken


def _run_child(voice: str, texts: Sequence[str]) -> tuple[list[str], str]:
    """Convert texts in a child process; return the answers up to its end, and its error unless it crashed."""
    code = "from ser.corpora.transcripts.g2p import serve_request; serve_request()"
    request = json.dumps({"voice": voice, "texts": list(texts)})
    child = subprocess.run(
        [sys.executable, "-c", code], input=request, capture_output=True, text=True, encoding="utf-8", check=False
    )
    # A crash may cut the last line.
    answers = [json.loads(line) for line in child.stdout.splitlines(keepends=True) if line.endswith("\n")]
    if child.returncode <= 0:
        return answers, ""
    messages = child.stderr.strip().splitlines()
    message = messages[-1] if messages else f"exit status {child.returncode}"
    return answers, message.removeprefix("ser.errors.CorpusError: ")


def _split(spoken: str) -> tuple[str, ...]:
    """Split eSpeak's answer into phonemes; it separates words by blanks and marks other languages."""
    plain = _LANGUAGE_SWITCH.sub(_SEPARATOR, spoken)
    return tuple(phoneme for word in plain.split() for phoneme in word.split(_SEPARATOR) if phoneme)


def serve_request() -> None:
    """Convert the texts on standard input to phonemes on standard output, in the child process.

    Raises:
        CorpusError: The library does not start, or does not have the voice.
    """
    request = json.loads(sys.stdin.read())
    library, _, _ = load_library()
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    if library.espeak_SetVoiceByName(request["voice"].encode("utf-8")) != 0:
        raise CorpusError(f"eSpeak NG has no voice '{request['voice']}'")
    for text in request["texts"]:
        print(json.dumps(_pronounced(library, text)), flush=True)


def _pronounced(library: ctypes.CDLL, text: str) -> str:
    """Convert all clauses of a text; the library takes one clause per call and advances the pointer."""
    # A control character could end the text early, or stand for a command.
    plain = "".join(character if character.isprintable() else " " for character in text)
    rest = ctypes.c_char_p(plain.encode("utf-8"))
    clauses: list[str] = []
    while rest.value is not None:
        clause = library.espeak_TextToPhonemes(ctypes.byref(rest), _CHARACTERS_UTF8, _IPA_WITH_SEPARATOR)
        clauses.append((clause or b"").decode("utf-8"))
    return " ".join(clauses)
