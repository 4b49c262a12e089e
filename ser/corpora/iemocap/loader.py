"""IEMOCAP: five sessions of two actors, in improvised and scripted dialogs.

`SessionN/dialog` holds emotions and transcripts by dialog, `SessionN/sentences` audio and forced
alignments by utterance. The paper (section 3.1) reads the improvised dialogs, with four classes.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ser.corpora.corpus import IMPUTED, UNKNOWN, Annotations, SkippedFile, Utterance
from ser.corpora.iemocap.classes import NAME_OF_CODE, IemocapOptions, parse_classes, part_of_dialog
from ser.corpora.iemocap.parsers import (
    EMOTION_CODES,
    RATINGS,
    Turn,
    UtteranceName,
    is_word,
    parse_alignment,
    parse_evaluation,
    parse_transcription,
    parse_utterance_name,
)
from ser.corpora.iemocap.release import describe_differences
from ser.corpora.label_files import files_by_stem, read_label_text, require_folder
from ser.corpora.transcripts.counts import TRANSCRIPT, tokenize_words
from ser.corpora.transcripts.phones import CMU, count_voiced
from ser.errors import AnnotationError, CorpusError

PAPER_SET = IemocapOptions()
"""Paper's part and classes."""

EMOTIONS = tuple(parse_classes(PAPER_SET.classes))
"""Paper's class set."""

_EXPECTED = (
    "folders 'SessionN/dialog/EmoEvaluation', 'SessionN/dialog/transcriptions', "
    "'SessionN/sentences/wav' and 'SessionN/sentences/ForcedAlignment'"
)
_MAX_LISTED = 10
_SESSION_FOLDER = re.compile(r"Session(\d+)")


@dataclass(frozen=True)
class _Counts:
    """Count of an utterance, or the reason why its alignment does not give them."""

    words: int | None = None
    voiced_phonemes: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class _ParseState:
    """State of the reading: options, utterances (some without counts), skipped files, notes, and counts of labels."""

    options: IemocapOptions
    class_of_code: Mapping[str, str]
    utterances: list[Utterance]
    skipped: list[SkippedFile]
    notes: list[str]
    code_counts: Counter[str]
    session_counts: Counter[str]
    unaligned: dict[str, str]
    untranscribed: list[str]

    def skip(self, name: str, reason: str) -> None:
        self.skipped.append(SkippedFile(name, reason))


def load(root: Path, options: IemocapOptions = PAPER_SET) -> Annotations:
    """Read IEMOCAP's labels; no audio.

    Where an utterance has no readable alignment its words are counted in the transcript, and its
    voiced phonemes are taken to be those words times the corpus's mean of voiced phonemes per word;
    `notes` lists them by reason. Dialogs whose audio is there without labels are skipped; `warnings`
    says what is missing of the release.

    Args:
        root: The folder that holds `Session1` to `Session5`.
        options: Dialogs and classes; the paper's by default.

    Returns:
        The annotations; the paper's set has 2943 utterances.

    Raises:
        CorpusError: There is no IEMOCAP in that folder.
    """
    require_folder(root, "IEMOCAP", _EXPECTED)
    sessions = sorted(path for path in root.iterdir() if _SESSION_FOLDER.fullmatch(path.name))
    if not any((session / "dialog" / "EmoEvaluation").is_dir() for session in sessions):
        raise CorpusError(f"{root}: has no SessionN/dialog/EmoEvaluation; expected IEMOCAP, with {_EXPECTED}")
    classes = parse_classes(options.classes)
    class_of_code = {code: name for name, codes in classes.items() for code in codes}
    state = _ParseState(options, class_of_code, [], [], [], Counter(), Counter(), {}, [])
    for session in sessions:
        _read_session(session, state)
    _impute(state)
    if not state.utterances:
        raise CorpusError(f"{root}: {_empty_reason(state)}; expected IEMOCAP, with {_EXPECTED}")
    names = [session.name for session in sessions]
    utterances = tuple(sorted(state.utterances, key=lambda utterance: utterance.id))
    return Annotations(
        corpus="iemocap",
        root=root,
        emotions=tuple(classes),
        utterances=utterances,
        partners=_partners(utterances),
        language="en",
        skipped=tuple(state.skipped),
        notes=(*state.notes, *_summary_notes(state)),
        warnings=tuple(describe_differences(names, options, state.session_counts, state.code_counts.total())),
    )


def _summary_notes(state: _ParseState) -> Iterator[str]:
    """Note dialogs without transcripts, merged classes, other emotions, and utterances without ratings."""
    if state.untranscribed:
        yield f"dialogs without transcripts: {len(state.untranscribed)} (first: {state.untranscribed[0]})"
    for name in dict.fromkeys(state.class_of_code.values()):
        codes = (code for code, class_name in state.class_of_code.items() if class_name == name)
        merged = [code for code in codes if state.code_counts[code]]
        if len(merged) > 1:
            listed = " and ".join(f"{NAME_OF_CODE[code]} {state.code_counts[code]}" for code in merged)
            yield f"class {name} merges {listed}"
    outside = [code for code in EMOTION_CODES if state.code_counts[code] and code not in state.class_of_code]
    if outside:
        listed = ", ".join(f"{code} {state.code_counts[code]}" for code in outside)
        yield f"left out, emotion outside the class set: {listed}"
    unrated = [utterance.id for utterance in state.utterances if not utterance.ratings]
    if unrated:
        yield f"utterances without dimensional ratings: {len(unrated)} (first: {unrated[0]})"


def _empty_reason(state: _ParseState) -> str:
    if skipped := state.skipped:
        return f"none of {len(skipped)} utterances can be used (first: {skipped[0].name}: {skipped[0].reason})"
    dialogs = "dialog" if state.options.part == "both" else f"{state.options.part} dialog"
    return f"has no utterance of any {dialogs} with an emotion of {', '.join(dict.fromkeys(state.class_of_code))}"


def _read_session(session: Path, state: _ParseState) -> None:
    """Add the utterances of one session folder."""
    folder = session / "dialog" / "EmoEvaluation"
    evaluations = files_by_stem(folder, ".txt")
    if not evaluations:
        state.skip(session.name, f"{folder}: expected the labels of its dialogs, found none")
    else:
        _skip_unlabelled_dialogs(session, evaluations, state)
    for dialog, evaluation in evaluations.items():
        part = part_of_dialog(dialog)
        if part is None:
            state.skip(dialog, "its name is neither that of an improvised nor of a scripted dialog")
            continue
        if state.options.part not in (part, "both"):
            continue
        try:
            turns, faults = parse_evaluation(read_label_text(evaluation), evaluation)
        except AnnotationError as error:
            state.skip(dialog, str(error))
            continue
        state.skipped.extend(SkippedFile(f"{dialog}, line {fault.line}", str(fault)) for fault in faults)
        transcripts = _transcripts(session / "dialog" / "transcriptions" / f"{dialog}.txt", state)
        wavs = files_by_stem(session / "sentences" / "wav" / dialog, ".wav")
        alignments = session / "sentences" / "ForcedAlignment" / dialog
        words, phones = files_by_stem(alignments, ".wdseg"), files_by_stem(alignments, ".phseg")
        for turn, name in _turns_in_class_set(turns, session, state):
            wav = wavs.get(turn.utterance)
            if wav is None:
                missing = Path("sentences", "wav", dialog, f"{turn.utterance}.wav")
                state.skip(turn.utterance, f"{session / missing}: no such file")
                continue
            counts = _counts_from_alignment(words.get(turn.utterance), phones.get(turn.utterance))
            if counts.reason:
                state.unaligned[turn.utterance] = counts.reason
            emotion = state.class_of_code[turn.emotion]
            state.utterances.append(_utterance(turn, name, emotion, wav, transcripts.get(turn.utterance), counts))


def _skip_unlabelled_dialogs(session: Path, evaluations: Mapping[str, Path], state: _ParseState) -> None:
    """List the dialogs whose audio is there, but not their labels: a part of the release may be missing."""
    audio = session / "sentences" / "wav"
    dialogs = sorted(path.name for path in audio.iterdir() if path.is_dir()) if audio.is_dir() else []
    for dialog in dialogs:
        part = part_of_dialog(dialog)
        if dialog in evaluations or part is None or state.options.part not in (part, "both"):
            continue
        path = session / "dialog" / "EmoEvaluation" / f"{dialog}.txt"
        recordings = len(files_by_stem(audio / dialog, ".wav"))
        state.skip(dialog, f"{path}: no such file; {recordings} recordings have no label")


def _turns_in_class_set(
    turns: Iterable[Turn], session: Path, state: _ParseState
) -> Iterator[tuple[Turn, UtteranceName]]:
    """Yield the turns of the class set; count all emotions, list invalid turns."""
    seen: set[str] = set()
    for turn in turns:
        name = parse_utterance_name(turn.utterance)
        if name is None or int(name.session[3:]) != int(session.name.removeprefix("Session")):
            state.skip(turn.utterance, f"its id is not of {session.name}, where it lies")
        elif turn.utterance in seen:
            state.skip(turn.utterance, "a second label for the same utterance; the first is used")
        else:
            state.code_counts[turn.emotion] += 1
            if turn.emotion in state.class_of_code:
                state.session_counts[session.name] += 1
                yield turn, name
        seen.add(turn.utterance)


def _utterance(
    turn: Turn, name: UtteranceName, emotion: str, wav: Path, transcript: str | None, counts: _Counts
) -> Utterance:
    return Utterance(
        id=turn.utterance,
        path=wav,
        speaker=name.speaker,
        emotion=emotion,
        session=name.session,
        transcript=transcript,
        words=counts.words,
        voiced_phonemes=counts.voiced_phonemes,
        words_source=UNKNOWN if counts.reason else "alignment",
        voiced_phonemes_source=UNKNOWN if counts.reason else "alignment",
        ratings=dict(zip(RATINGS, turn.ratings or (), strict=False)),
    )


def _transcripts(path: Path, state: _ParseState) -> dict[str, str]:
    """Read the transcripts of a dialog; remember a missing or invalid file."""
    try:
        if path.is_file():
            return parse_transcription(read_label_text(path), path)
        state.untranscribed.append(f"{path}: no such file")
    except AnnotationError as error:
        state.untranscribed.append(str(error))
    return {}


def _counts_from_alignment(words: Path | None, phones: Path | None) -> _Counts:
    """Count words and voiced phonemes in the alignments."""
    if words is None or phones is None:
        return _Counts(reason=f"it has no {'.wdseg' if words is None else '.phseg'} file")
    try:
        spoken = sum(is_word(segment.symbol) for segment in parse_alignment(read_label_text(words), words))
        symbols = [segment.symbol for segment in parse_alignment(read_label_text(phones), phones)]
        return _Counts(spoken, count_voiced(symbols, CMU))
    except AnnotationError as error:
        return _Counts(reason=str(error))
    except CorpusError as error:
        return _Counts(reason=f"{phones}: {error}")


def _impute(state: _ParseState) -> None:
    """Estimate counts from transcripts where there is no alignment; skip utterances without either."""
    aligned = [utterance for utterance in state.utterances if utterance.id not in state.unaligned]
    words = sum(utterance.words or 0 for utterance in aligned)
    voiced = sum(utterance.voiced_phonemes or 0 for utterance in aligned)
    per_word = voiced / words if words else None
    counted: list[Utterance] = []
    imputed: dict[str, list[str]] = defaultdict(list)
    for utterance in state.utterances:
        reason = state.unaligned.get(utterance.id)
        if reason is None:
            counted.append(utterance)
        elif utterance.transcript is None:
            state.skip(utterance.id, f"{reason}, and it has no transcript to count words in")
        else:
            words_spoken = len(tokenize_words(utterance.transcript))
            phonemes = None if per_word is None else max(1, round(words_spoken * per_word))
            origin = UNKNOWN if phonemes is None else IMPUTED
            counted.append(
                replace(
                    utterance,
                    words=words_spoken,
                    words_source=TRANSCRIPT,
                    voiced_phonemes=phonemes,
                    voiced_phonemes_source=origin,
                )
            )
            what = f"{words_spoken} words" + ("" if phonemes is None else f" and {phonemes} voiced phonemes")
            imputed[reason].append(f"{utterance.id}: {what}")
    state.utterances[:] = counted
    for reason, texts in imputed.items():
        if len(texts) == 1:
            state.notes.append(f"{texts[0]} imputed from its transcript ({reason})")
        else:
            rest = f", and {len(texts) - _MAX_LISTED} more" if len(texts) > _MAX_LISTED else ""
            listed = ", ".join(texts[:_MAX_LISTED])
            state.notes.append(f"counts of {len(texts)} utterances imputed from transcripts ({reason}): {listed}{rest}")


def _partners(utterances: tuple[Utterance, ...]) -> dict[str, str]:
    """Pair the two speakers of each session."""
    speakers = {utterance.speaker for utterance in utterances}
    partners = {speaker: speaker[:-1] + ("M" if speaker.endswith("F") else "F") for speaker in speakers}
    return {speaker: partner for speaker, partner in sorted(partners.items()) if partner in speakers}
