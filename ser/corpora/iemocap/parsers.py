"""Parsers of IEMOCAP's label files, as pure functions on text.

The path is only named in messages. Files are latin-1 and may have CRLF line ends.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from ser.corpora.label_files import label_lines
from ser.errors import AnnotationError

EMOTION_CODES = ("ang", "hap", "exc", "neu", "sad", "fru", "fea", "sur", "dis", "oth", "xxx")
"""Codes of the emotions in EmoEvaluation files; `xxx` means that the raters did not agree."""

RATINGS = ("valence", "activation", "dominance")
"""Dimensional ratings in the order of the files, 1 to 5: means over the raters."""

_UTTERANCE = re.compile(r"(?P<session>Ses\d\d)(?P<marked>[FM])_(?P<scene>\w+)_(?P<letter>[FM])(?P<turn>\d+)", re.ASCII)
_UNUSED_TURN = re.compile(r"Ses\d\d[FM]_\w+_[FM]XX\d*", re.ASCII)
# Possessive quantifiers keep a hostile line from taking quadratic time; limits on digits, from overflow.
_NUMBER = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)"
_TURN = re.compile(rf"\[\s*+{_NUMBER}\s*+-\s*+{_NUMBER}\s*+\]\s++(\S++)\s++(\S++)(?:\s++\[(.*)\])?\s*")
_RATINGS = re.compile(rf"\s*+{_NUMBER}\s*+,\s*+{_NUMBER}\s*+,\s*+{_NUMBER}\s*")
_FRAME = re.compile(r"[0-9]{1,9}")
_TRANSCRIPT = re.compile(r"(Ses\S+)\s+\[[^\]]*\]\s*:(.*)")


@dataclass(frozen=True)
class UtteranceName:
    """Parts of an utterance's id.

    Attributes:
        dialog: The dialog, such as 'Ses01F_impro04'.
        session: The session, such as 'Ses01'.
        speaker: Session and the letter of the id's last part, such as 'Ses01M'; the letter after the
            session's number only says who wore the motion-capture markers.
    """

    dialog: str
    session: str
    speaker: str


@dataclass(frozen=True)
class Turn:
    """Turn of a dialog: the first line of a block of an EmoEvaluation file.

    Attributes:
        utterance: Utterance id.
        emotion: One of `EMOTION_CODES`.
        start_s: Start in the dialog, in seconds.
        end_s: End in the dialog, in seconds.
        ratings: Mean valence, activation and dominance, 1 to 5; None where they cannot be read.
    """

    utterance: str
    emotion: str
    start_s: float
    end_s: float
    ratings: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Segment:
    """Row of a forced alignment.

    Attributes:
        start_frame: First frame, at 10 ms per frame.
        end_frame: Last frame, inclusive.
        symbol: The word, or the phone without its context.
    """

    start_frame: int
    end_frame: int
    symbol: str


def parse_utterance_name(utterance: str) -> UtteranceName | None:
    """Parse an utterance id; return None if it is none.

    Examples:
        >>> parse_utterance_name("Ses01F_impro04_M000")
        UtteranceName(dialog='Ses01F_impro04', session='Ses01', speaker='Ses01M')
    """
    match = _UTTERANCE.fullmatch(utterance)
    if match is None:
        return None
    dialog = utterance.rpartition("_")[0]
    return UtteranceName(dialog, match["session"], match["session"] + match["letter"])


def is_turn_without_audio(utterance: str) -> bool:
    """Check whether an id names a turn that has no audio of its own, such as 'Ses01F_impro04_FXX0'."""
    return _UNUSED_TURN.fullmatch(utterance) is not None


def parse_evaluation(text: str, path: Path) -> tuple[tuple[Turn, ...], tuple[AnnotationError, ...]]:
    """Read the emotions of one dialog.

    Args:
        text: Text of `dialog/EmoEvaluation/DIALOG.txt`: a header, then blocks split by blank lines, of
            which the first line names the utterance and the others are the raters'.
        path: The file; its stem is the dialog.

    Returns:
        The turns, and an error for each block whose first line could not be read. Turns named `XX`
        were never cut out of the dialog and are left out.

    Raises:
        AnnotationError: The file has no readable turn at all.
    """
    turns: list[Turn] = []
    faults: list[AnnotationError] = []
    inside_block = False
    for number, line in enumerate(label_lines(text), start=1):
        if not line.strip() or line.startswith("%"):
            inside_block = False
            continue
        if inside_block and not line.startswith("["):
            continue
        inside_block = True
        turn = _parse_turn(line, number, path)
        if isinstance(turn, AnnotationError):
            faults.append(turn)
        elif turn is not None:
            turns.append(turn)
    if not turns:
        raise AnnotationError(path, None, "blocks that begin '[START - END]<tab>UTTERANCE<tab>EMOTION', found none")
    return tuple(turns), tuple(faults)


def _parse_turn(line: str, number: int, path: Path) -> Turn | AnnotationError | None:
    match = _TURN.fullmatch(line)
    if match is None:
        return AnnotationError(path, number, f"'[START - END]<tab>UTTERANCE<tab>EMOTION', found {line.strip()[:60]!r}")
    start, end, utterance, emotion, ratings = match.groups()
    if is_turn_without_audio(utterance):
        return None
    name = parse_utterance_name(utterance)
    if name is None or name.dialog != path.stem:
        return AnnotationError(path, number, f"an utterance of dialog {path.stem}, found '{utterance}'")
    if emotion not in EMOTION_CODES:
        return AnnotationError(path, number, f"an emotion of {', '.join(EMOTION_CODES)}, found '{emotion}'")
    return Turn(utterance, emotion, float(start), float(end), _parse_ratings(ratings or ""))


def _parse_ratings(text: str) -> tuple[float, float, float] | None:
    match = _RATINGS.fullmatch(text)
    return None if match is None else (float(match[1]), float(match[2]), float(match[3]))


def parse_transcription(text: str, path: Path) -> dict[str, str]:
    """Read the transcripts of one dialog.

    Args:
        text: Text of `dialog/transcriptions/DIALOG.txt`, with lines `UTTERANCE [START-END]: words`.
        path: The file.

    Returns:
        Transcripts by utterance id. Lines without an id and turns named `XX` are left out.

    Raises:
        AnnotationError: A line begins with an utterance's id and then has another form.
    """
    transcripts: dict[str, str] = {}
    for number, line in enumerate(label_lines(text), start=1):
        first = line.split(maxsplit=1)[0] if line.strip() else ""
        if parse_utterance_name(first) is None:
            continue
        match = _TRANSCRIPT.fullmatch(line.strip())
        if match is None:
            raise AnnotationError(path, number, f"'UTTERANCE [START-END]: words', found {line.strip()[:60]!r}")
        transcripts[first] = match.group(2).strip()
    return transcripts


def parse_alignment(text: str, path: Path) -> tuple[Segment, ...]:
    """Read a forced alignment of words (`.wdseg`) or of phones (`.phseg`).

    Args:
        text: The file's text: a header line, rows `SFrm EFrm SegAScr SYMBOL [context]`, and a trailer
            line with the total score.
        path: The file.

    Returns:
        The rows in order, silences and noises included.

    Raises:
        AnnotationError: The header or the trailer is missing (the file may be cut short), or a row has
            another form.
    """
    lines = [(number, line) for number, line in enumerate(label_lines(text), start=1) if line.strip()]
    if not lines or not lines[0][1].strip().startswith("SFrm"):
        raise AnnotationError(path, 1, "the header 'SFrm EFrm SegAScr ...'")
    last, trailer = lines[-1]
    if len(lines) == 1 or _FRAME.fullmatch(trailer.split()[0]):
        raise AnnotationError(path, last, "a last line with the total score (is the file cut short?)")
    return tuple(_parse_segment(line, number, path) for number, line in lines[1:-1])


def _parse_segment(line: str, number: int, path: Path) -> Segment:
    fields = line.split()
    if len(fields) < 4 or not (_FRAME.fullmatch(fields[0]) and _FRAME.fullmatch(fields[1])):
        raise AnnotationError(path, number, f"'SFrm EFrm SegAScr SYMBOL', found {line.strip()[:60]!r}")
    start, end = int(fields[0]), int(fields[1])
    if end < start:
        raise AnnotationError(path, number, f"a last frame of at least {start}, found {end}")
    return Segment(start, end, fields[3])


def is_word(symbol: str) -> bool:
    """Check whether a word alignment's symbol is a spoken word, not a silence (`<sil>`) or a noise (`++BREATH++`)."""
    if symbol.lower() in ("<s>", "</s>", "<sil>"):
        return False
    return not (symbol.startswith("++") and symbol.endswith("++"))
