"""A corpus that is a table: its rows become annotations, and rows that can't be used are listed."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ser.corpora.corpus import Annotations, SkippedFile, Utterance
from ser.corpora.pairing import pair_speakers
from ser.corpora.tabular.rows import Row, RowError, RowOptions, parse_row
from ser.corpora.transcripts.counts import UNDETERMINED
from ser.errors import ConfigurationError, CorpusError, unknown_value_message


@dataclass(frozen=True)
class TableSource:
    """Where rows come from, and what is known besides them.

    Attributes:
        corpus: How the table is read, as in the registry: the corpus's name where the user gives it none,
            and the origin of counts that rows give.
        root: Folder that the rows' paths are relative to.
        language: Language of the corpus, where it says so itself.
        labels: The corpus's own order of its emotions, where it has one.
        skipped: What was left out before.
        notes: What is to be said already.
    """

    corpus: str
    root: Path
    language: str | None = None
    labels: tuple[str, ...] = ()
    skipped: tuple[SkippedFile, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _TableParser:
    """Rows that can be used so far, and what was left out."""

    source: TableSource
    kept: list[tuple[Row, Utterance]] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def skip(self, row: Row, reason: str) -> None:
        self.skipped.append(SkippedFile(row.name, f"{row.place}: {reason}"))


def build_annotations(rows: Sequence[Row], source: TableSource, options: RowOptions) -> Annotations:
    """Makes annotations of rows; a row that can't be used is skipped and listed.

    Args:
        rows: The rows.
        source: Where they come from.
        options: What the user said.

    Returns:
        The annotations, utterances sorted by id.

    Raises:
        ConfigurationError: The class set given has an emotion that no row has.
        CorpusError: No row can be used.
    """
    reading = _TableParser(source, skipped=list(source.skipped), notes=list(source.notes))
    _parse(rows, reading)
    labels = {utterance.emotion for _, utterance in reading.kept}
    emotions = _class_set(labels, options, reading) if labels else ()
    _keep_class_set(emotions, reading)
    _drop_missing_audio(reading)
    _assign_ids(reading)
    pairs = _given_pairs(reading)
    if not reading.kept:
        first = f" (first: {reading.skipped[0].reason})" if reading.skipped else ""
        raise CorpusError(f"{source.root}: none of {len(rows) + len(source.skipped)} rows can be used{first}")
    utterances = [utterance for _, utterance in reading.kept]
    language = _main_language(utterances, options.language or source.language)
    partners, paired = pair_speakers(utterances, pairs)
    return Annotations(
        corpus=options.name or source.corpus,
        root=source.root,
        emotions=emotions,
        utterances=tuple(sorted((_drop_default_language(one, language) for one in utterances), key=lambda one: one.id)),
        partners=partners,
        language=language,
        skipped=tuple(reading.skipped),
        notes=(*reading.notes, *paired),
    )


def _parse(rows: Sequence[Row], reading: _TableParser) -> None:
    for row in rows:
        try:
            reading.kept.append((row, parse_row(row, reading.source.root, reading.source.corpus)))
        except RowError as error:
            reading.skip(row, str(error))


def _class_set(labels: set[str], options: RowOptions, reading: _TableParser) -> tuple[str, ...]:
    """The class set: given, or all emotions of the table; never those of one fold."""
    if options.emotions is not None:
        for emotion in options.emotions:
            if emotion not in labels:
                raise ConfigurationError(
                    f"corpus {reading.source.corpus}, option emotions: "
                    f"{unknown_value_message('emotion', emotion, sorted(labels))}"
                )
        return options.emotions
    own = tuple(label for label in reading.source.labels if label in labels)
    emotions = own if set(own) == labels else tuple(sorted(labels))
    reading.notes.append(
        f"class set, taken from all rows: {', '.join(emotions)} (option emotions sets another, or another order)"
    )
    return emotions


def _keep_class_set(emotions: tuple[str, ...], reading: _TableParser) -> None:
    outside = Counter(utterance.emotion for _, utterance in reading.kept if utterance.emotion not in emotions)
    if outside:
        listed = ", ".join(f"{emotion} {outside[emotion]}" for emotion in sorted(outside))
        reading.notes.append(f"left out, since their emotion is outside the class set: {listed}")
    reading.kept = [(row, utterance) for row, utterance in reading.kept if utterance.emotion in emotions]


def _drop_missing_audio(reading: _TableParser) -> None:
    """Leaves out rows without a file, and a second row for the same audio."""
    known: dict[tuple[str, float | None, float | None], Row] = {}
    kept = []
    for row, utterance in reading.kept:
        place = (os.path.normpath(utterance.path), utterance.start_s, utterance.end_s)
        if not os.path.isfile(utterance.path):  # noqa: PTH113 - unlike Path's, it takes any text
            reading.skip(row, f"expected an audio file, found none at {utterance.path}")
        elif place in known:
            reading.skip(row, f"expected audio of its own, found that of {known[place].name}")
        else:
            known[place] = row
            kept.append((row, utterance))
    reading.kept = kept


def _assign_ids(reading: _TableParser) -> None:
    """Gives ids to utterances without one, and leaves out what has another's id."""
    anonymous = [(row.cell("path"), utterance) for row, utterance in reading.kept if not utterance.id]
    names = iter(_default_names(anonymous))
    known: dict[str, Row] = {}
    kept = []
    for row, utterance in reading.kept:
        name = utterance.id or next(names)
        if name in known:
            reading.skip(row, f"expected an id of its own, found '{name}', which is that of {known[name].name}")
        else:
            known[name] = row
            kept.append((row, replace(utterance, id=name)))
    reading.kept = kept


def _default_names(places: Sequence[tuple[str, Utterance]]) -> list[str]:
    """The files' stems; with times, and then with folders and suffixes, where stems alone are not unique."""

    def times(utterance: Utterance) -> str:
        whole = utterance.start_s is None and utterance.end_s is None
        return "" if whole else f"_{utterance.start_s or 0:g}-{'end' if utterance.end_s is None else utterance.end_s}"

    candidates = (
        [utterance.path.stem for _, utterance in places],
        [utterance.path.stem + times(utterance) for _, utterance in places],
        [f"{path}{times(utterance)}" for path, utterance in places],
    )
    return next((names for names in candidates if len(set(names)) == len(names)), candidates[-1])


def _given_pairs(reading: _TableParser) -> Mapping[str, str]:
    """Pairs that rows name, both ways; a row that contradicts an earlier one is left out."""
    pairs: dict[str, str] = {}
    kept = []
    for row, utterance in reading.kept:
        one, other = utterance.speaker, row.cell("partner")
        if other:
            if (contradiction := _contradiction(one, other, pairs)) is not None:
                reading.skip(row, contradiction)
                continue
            pairs |= {one: other, other: one}
        kept.append((row, utterance))
    reading.kept = kept
    return pairs


def _contradiction(one: str, other: str, pairs: Mapping[str, str]) -> str | None:
    """Why a speaker can't have a partner, besides the pairs that are known."""
    if one == other:
        return f"expected another speaker as partner of '{one}', found the same"
    if pairs.get(one, other) != other:
        return f"expected '{pairs[one]}' as partner of '{one}', as in earlier rows, found '{other}'"
    if pairs.get(other, one) != one:
        return f"expected '{other}' as partner of '{pairs[other]}', as in earlier rows, found it for '{one}'"
    return None


def _main_language(utterances: Sequence[Utterance], said: str | None) -> str:
    """The language of rows that name none; where nothing says it, that of all rows if they agree."""
    if said is not None:
        return said
    languages = {utterance.language for utterance in utterances}
    only = languages.pop() if len(languages) == 1 else None
    return only or UNDETERMINED


def _drop_default_language(utterance: Utterance, language: str) -> Utterance:
    """The utterance, which names its language only where it differs from the corpus's."""
    return replace(utterance, language=None) if utterance.language == language else utterance
