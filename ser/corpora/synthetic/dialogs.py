"""Writes dialogs as IEMOCAP's files: audio, alignments, transcriptions and EmoEvaluation.

Frames are 10 ms long; a row's last frame is inclusive. The dialogs' own recordings (`dialog/wav`)
are not written, since nothing reads them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.corpora.iemocap.parsers import Segment
from ser.corpora.synthetic.files import write_wav

TYPICAL_RATINGS = {"neu": (3.0, 2.0, 2.0), "hap": (4.0, 3.0, 3.0), "sad": (2.0, 2.0, 2.0), "ang": (2.0, 4.0, 4.0)}
"""Valence, activation and dominance, 1 to 5, by emotion code."""

UNDECIDED_RATINGS = (2.5, 2.5, 2.5)
"""Ratings of the other emotions, where none are given."""

_RATERS_WORDS = {
    "neu": "Neutral",
    "hap": "Happiness",
    "exc": "Excited",
    "sad": "Sadness",
    "ang": "Anger",
    "fru": "Frustration",
    "fea": "Fear",
    "sur": "Surprise",
    "dis": "Disgust",
    "oth": "Other",
    "xxx": "Other",
}


@dataclass(frozen=True)
class DialogTurn:
    """One utterance of a dialog as it is written.

    Attributes:
        utterance: Its id.
        emotion: Its emotion code.
        ratings: Valence, activation and dominance, 1 to 5.
        transcript: What is said.
        start_s: Start in the dialog, in seconds.
        end_s: End in the dialog, in seconds.
        samples: 16-bit samples at 16 kHz, shape `(sample,)`; None for a turn that was never cut out.
        words: Word alignment, or None where it has no alignment.
        phones: Phone alignment, or None where it has no alignment.
    """

    utterance: str
    emotion: str
    ratings: tuple[float, float, float]
    transcript: str
    start_s: float
    end_s: float
    samples: NDArray[np.int16] | None
    words: tuple[Segment, ...] | None
    phones: tuple[Segment, ...] | None


def write_dialog(session: Path, dialog: str, turns: Sequence[DialogTurn], line_end: str = "\n") -> None:
    """Writes all files of one dialog.

    Args:
        session: Folder of its session, such as `Session1`.
        dialog: Its name.
        turns: Its utterances, in order.
        line_end: What ends a line of the label files.
    """

    def write(path: Path, text: str) -> None:
        path.write_text(text, encoding="latin-1", newline=line_end)

    evaluations, transcriptions = session / "dialog" / "EmoEvaluation", session / "dialog" / "transcriptions"
    wavs, alignments = session / "sentences" / "wav" / dialog, session / "sentences" / "ForcedAlignment" / dialog
    for folder in (evaluations, transcriptions, wavs, alignments):
        folder.mkdir(parents=True, exist_ok=True)
    write(evaluations / f"{dialog}.txt", evaluation_text(turns))
    write(transcriptions / f"{dialog}.txt", transcription_text(turns))
    for turn in turns:
        if turn.samples is not None:
            write_wav(wavs / f"{turn.utterance}.wav", turn.samples)
        if turn.words is not None and turn.phones is not None:
            write(alignments / f"{turn.utterance}.wdseg", word_alignment_text(turn.words))
            write(alignments / f"{turn.utterance}.phseg", phone_alignment_text(turn.phones, turn.words))


def word_alignment_text(words: Iterable[Segment]) -> str:
    """The text of a `.wdseg` file. Scores are 0: there is no acoustic model behind it."""
    rows = [f"\t{'SFrm':>5}\t{'EFrm':>5}\t{'SegAScr':>9}\t{'Word'}"]
    rows += [f"\t{word.start_frame:5d}\t{word.end_frame:5d}\t{0:9d}\t{word.symbol}" for word in words]
    return "\n".join([*rows, f"Total score: {0:11d}", ""])


def phone_alignment_text(phones: Sequence[Segment], words: Sequence[Segment]) -> str:
    """The text of a `.phseg` file: each phone with its neighbours and its place in its word.

    Args:
        phones: Phone alignment.
        words: Word alignment; a phone belongs to the word in which it begins.
    """
    rows = [f"\t{'SFrm':>5}\t{'EFrm':>5}\t{'SegAScr':>9}\tPhone"]
    starts = [word.start_frame for word in words]
    owners = [-1, *(bisect_right(starts, phone.start_frame) for phone in phones), -1]
    symbols = ["SIL", *(phone.symbol for phone in phones), "SIL"]
    for place, phone in enumerate(phones, start=1):
        left, owner, right = owners[place - 1 : place + 2]
        position = {(True, True): "s", (True, False): "b", (False, True): "e", (False, False): "i"}[
            left != owner, right != owner
        ]
        context = "" if phone.symbol == "SIL" else f" {symbols[place - 1]} {symbols[place + 1]} {position}"
        rows.append(f"\t{phone.start_frame:5d}\t{phone.end_frame:5d}\t{0:9d}\t{phone.symbol}{context}")
    return "\n".join([*rows, f"Total score: {0:11d}", ""])


def transcription_text(turns: Iterable[DialogTurn]) -> str:
    """The text of `transcriptions/DIALOG.txt`."""
    rows = (f"{turn.utterance} [{turn.start_s:08.4f}-{turn.end_s:08.4f}]: {turn.transcript}" for turn in turns)
    return "\n".join([*rows, ""])


def evaluation_text(turns: Iterable[DialogTurn]) -> str:
    """The text of `EmoEvaluation/DIALOG.txt`, with three raters who agree."""
    blocks = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n"]
    for turn in turns:
        times = f"[{turn.start_s:.4f} - {turn.end_s:.4f}]"
        valence, activation, dominance = turn.ratings
        ratings = f"val {valence:.0f}; act {activation:.0f}; dom  {dominance:.0f};"
        rows = [f"{times}\t{turn.utterance}\t{turn.emotion}\t[{valence:.4f}, {activation:.4f}, {dominance:.4f}]"]
        rows += [f"C-E{rater}:\t{_RATERS_WORDS[turn.emotion]};\t()" for rater in (2, 3, 4)]
        rows += [f"A-E{rater}:\t{ratings}\t()" for rater in (3, 4)]
        blocks.append("\n".join([*rows, ""]))
    return "\n".join([*blocks, ""])
