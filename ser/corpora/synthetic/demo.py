"""Demo corpus: short acted dialogs spoken by eSpeak NG, in IEMOCAP's tree.

It needs no licence and no download, and takes seconds to make, so that everything can be tried and
tested. It is no emotional speech: scores on it say nothing about people.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path

from ser.config import digest_of
from ser.corpora.corpus import Annotations
from ser.corpora.espeak import SynthesisResult, synthesize
from ser.corpora.iemocap import loader as iemocap
from ser.corpora.label_files import require_folder
from ser.corpora.synthetic import demo_script
from ser.corpora.synthetic.demo_alignment import (
    FRAME_SAMPLES,
    SpokenTurn,
    spoken_turn,
)
from ser.corpora.synthetic.demo_script import PlannedTurn, plan_turns
from ser.corpora.synthetic.files import atomic_folder
from ser.corpora.synthetic.iemocap_writer import TYPICAL_RATINGS, DialogTurn, write_dialog
from ser.corpora.transcripts.phones import CMU, count_voiced
from ser.errors import CorpusError
from ser.files import parse_json_object
from ser.results import MAX_CAPPED_SHARE

VERSION = 1
"""Version of the demo corpus; raise it when the code writes other files for the same plan."""

MARKER = "demo.json"
"""Marker file with the settings that wrote the folder and the digest of each file."""

_PAUSE_BETWEEN_TURNS_S = 0.5
_HOW_TO_MAKE = "make it with: ser corpus make-demo --root"


def load(root: Path) -> Annotations:
    """Read the demo corpus's labels; no audio.

    Args:
        root: The folder that `make_demo` wrote.

    Raises:
        CorpusError: The demo corpus is not there.
    """
    require_folder(root, "the demo corpus", f"its file {MARKER}; {_HOW_TO_MAKE} {root}")
    if not (root / MARKER).is_file():
        raise CorpusError(f"{root}: has no {MARKER}, so it is not the demo corpus; {_HOW_TO_MAKE} <another folder>")
    return replace(iemocap.load(root), corpus="demo", warnings=())


def make_demo(root: Path, progress: Callable[[int, int], None] | None = None) -> None:
    """Make the demo corpus: 200 utterances of ten voices in four emotions.

    The same bytes are made in every run on one machine, and the same ids, texts and labels everywhere.
    The folder appears complete or not at all; an existing demo corpus is left as it is.

    Args:
        root: Folder to make; its parents are made too.
        progress: Called with the number of utterances spoken and of all utterances.

    Raises:
        CorpusError: The folder holds something else or a damaged demo corpus, eSpeak NG is missing or
            fails, or too many targets would be capped.
    """
    root = root.resolve()
    if _is_complete(root):
        return
    plans = plan_turns()
    turns = _speak(plans, synthesize([plan.request for plan in plans], progress))
    _check_room_for_targets(turns)
    try:
        with atomic_folder(root) as draft:
            _write(turns, draft)
            _publish_atomically(draft, root)
    except OSError as error:
        raise CorpusError(f"{root}: the demo corpus cannot be written: {error.strerror}") from error


def capped_share(turns: Sequence[SpokenTurn], labels_per_phoneme: int = 2, stack: int = 2) -> float:
    """Share of utterances whose repeated label needs more frames than there are (CTC needs 2N - 1).

    Args:
        turns: The utterances.
        labels_per_phoneme: Labels for each voiced phoneme.
        stack: Frames of 10 ms joined into one; a last one that is not full is not relied on.
    """
    capped = 0
    for turn in turns:
        labels = labels_per_phoneme * count_voiced((phone.symbol for phone in turn.phones), CMU)
        frames = (1 + len(turn.samples) // FRAME_SAMPLES) // stack
        capped += 2 * labels - 1 > frames
    return capped / len(turns)


def _settings_digest() -> str:
    plans = [asdict(plan) for plan in plan_turns()]
    return digest_of({"version": VERSION, "plan": plans})


def _is_complete(root: Path) -> bool:
    """Check whether the folder holds this very corpus; False for an empty or missing folder."""
    if root.exists() and not root.is_dir():
        raise CorpusError(f"{root}: is not a folder; name a new one for the demo corpus")
    if not root.exists() or not any(root.iterdir()):
        return False
    marker = root / MARKER
    if not marker.is_file():
        raise CorpusError(f"{root}: is not empty and has no {MARKER}; name a new folder for the demo corpus")
    try:
        content = parse_json_object(marker.read_bytes())
        settings, files = content["settings"], dict(content["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{marker}: expected the marker of a demo corpus; delete the folder and try again") from error
    if settings != _settings_digest():
        raise CorpusError(f"{root}: holds a demo corpus of other settings; delete it or name a new folder")
    present = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    damaged = [name for name, digest in files.items() if name not in present or _file_digest(present[name]) != digest]
    if damaged:
        raise CorpusError(
            f"{root}: {len(damaged)} files of the demo corpus are missing or changed (first: {damaged[0]}); "
            "delete the folder and try again"
        )
    return True


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _speak(plans: Sequence[PlannedTurn], speeches: Sequence[SynthesisResult]) -> list[SpokenTurn]:
    """Join plans and speech; a dialog's turns follow each other in time."""
    turns: list[SpokenTurn] = []
    for index, (plan, speech) in enumerate(zip(plans, speeches, strict=True)):
        follows = bool(turns) and turns[-1].plan.dialog == plan.dialog
        start_s = _PAUSE_BETWEEN_TURNS_S + (turns[-1].end_s if follows else 0.0)
        turns.append(spoken_turn(plan, speech, index, start_s))
    return turns


def _check_room_for_targets(turns: Sequence[SpokenTurn]) -> None:
    share = capped_share(turns)
    if share > MAX_CAPPED_SHARE:
        raise CorpusError(
            f"the demo corpus would be spoken too fast: {share:.1%} of its targets of two labels per voiced "
            f"phoneme would be capped at 20 ms frames; expected {MAX_CAPPED_SHARE:.0%} at most"
        )


def _write(turns: Sequence[SpokenTurn], root: Path) -> None:
    """Write the tree, and last the marker."""
    for dialog, group in groupby(turns, key=lambda turn: turn.plan.dialog):
        members = list(group)
        write_dialog(root / f"Session{members[0].plan.session}", dialog, [_dialog_turn(turn) for turn in members])
    files = sorted(path for path in root.rglob("*") if path.is_file())
    marker = {
        "version": VERSION,
        "settings": _settings_digest(),
        "overlap": demo_script.OVERLAP,
        "files": {path.relative_to(root).as_posix(): _file_digest(path) for path in files},
    }
    (root / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="latin-1", newline="\n")


def _dialog_turn(turn: SpokenTurn) -> DialogTurn:
    return DialogTurn(
        utterance=turn.plan.utterance,
        emotion=turn.plan.emotion,
        ratings=TYPICAL_RATINGS[turn.plan.emotion],
        transcript=turn.plan.request.text,
        start_s=turn.start_s,
        end_s=turn.end_s,
        samples=turn.samples,
        words=turn.words,
        phones=turn.phones,
    )


def _publish_atomically(draft: Path, root: Path) -> None:
    """Rename the finished folder; another process may have made the same corpus in the meantime."""
    try:
        os.rename(draft, root)  # noqa: PTH104
    except OSError:
        if not _is_complete(root):
            raise
