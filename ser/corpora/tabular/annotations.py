"""Annotations from the rows of a table; unusable rows are skipped and listed."""

import os
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ser.corpora.corpus import Annotations, SkippedFile, Utterance
from ser.corpora.names import clean_name, join_similar
from ser.corpora.pairing import pair_speakers
from ser.corpora.tabular.rows import OPTIONAL_COLUMNS, Row, RowError, RowOptions, parse_row
from ser.corpora.transcripts.counts import UNDETERMINED
from ser.errors import ConfigurationError, CorpusError, unknown_value_message

_TRUST_HINT = "(option outside_root=yes allows this for a table that you trust)"


@dataclass(frozen=True)
class TableSource:
    """Source of rows, and facts about the corpus that rows do not give.

    Attributes:
        corpus: Name of the loader in the registry: the corpus's name unless the user gives one, and the
            source of counts in rows.
        root: Folder that the rows' paths are relative to.
        language: Language of the corpus, where it says so itself.
        labels: The corpus's own order of its emotions, where it has one.
        skipped: Rows left out before.
        notes: Messages for the user so far.
    """

    corpus: str
    root: Path
    language: str | None = None
    labels: tuple[str, ...] = ()
    skipped: tuple[SkippedFile, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _TableParser:
    """Usable rows so far, skipped rows, and notes."""

    source: TableSource
    rows: list[tuple[Row, Utterance]] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def skip(self, row: Row, reason: str) -> None:
        self.skipped.append(SkippedFile(row.name, f"{row.location}: {reason}"))


def build_annotations(rows: Sequence[Row], source: TableSource, options: RowOptions) -> Annotations:
    """Build annotations from rows; a row that can't be used is skipped and listed.

    Returns:
        The annotations, utterances sorted by id.

    Raises:
        ConfigurationError: The class set given has an emotion that no row has.
        CorpusError: No row can be used.
    """
    parser = _TableParser(source, skipped=list(source.skipped), notes=list(source.notes))
    _parse(rows, parser)
    if options.same_speaker:
        _join_speakers(parser)
    labels = {utterance.emotion for _, utterance in parser.rows}
    emotions = _class_set(labels, options, parser) if labels else ()
    _select_class_set(emotions, parser)
    _drop_missing_audio(parser, options)
    _assign_ids(parser)
    pairs = _named_pairs(parser)
    if not parser.rows:
        first = f" (first: {parser.skipped[0].reason})" if parser.skipped else ""
        raise CorpusError(f"{source.root}: none of {len(rows) + len(source.skipped)} rows can be used{first}")
    utterances = [utterance for _, utterance in parser.rows]
    language = _main_language(utterances, options.language or source.language)
    partners, paired = pair_speakers(utterances, pairs)
    return Annotations(
        corpus=options.name or source.corpus,
        root=source.root,
        emotions=emotions,
        utterances=tuple(
            sorted(
                (_drop_default_language(utterance, language) for utterance in utterances),
                key=lambda utterance: utterance.id,
            )
        ),
        partners=partners,
        language=language,
        skipped=tuple(parser.skipped),
        notes=(*parser.notes, *paired),
        distinct_speakers=options.same_speaker is False,
        partial=options.partial,
        given_columns=tuple(column for column in OPTIONAL_COLUMNS if any(row.cell(column) for row, _ in parser.rows)),
    )


def _parse(rows: Sequence[Row], parser: _TableParser) -> None:
    for row in rows:
        try:
            parser.rows.append((row, parse_row(row, parser.source.root, parser.source.corpus)))
        except RowError as error:
            parser.skip(row, str(error))


def _join_speakers(parser: _TableParser) -> None:
    """Give speakers whose names differ in spelling only the most frequent of these names."""
    joined = join_similar(Counter(utterance.speaker for _, utterance in parser.rows))
    parser.rows = [
        (
            replace(row, cells={**row.cells, "partner": joined.get(row.cell("partner"), row.cell("partner"))}),
            replace(utterance, speaker=joined[utterance.speaker]),
        )
        for row, utterance in parser.rows
    ]
    renamed = ", ".join(f"'{name}' as '{target}'" for name, target in sorted(joined.items()) if name != target)
    if renamed:
        parser.notes.append(f"speakers joined (option same_speaker): {renamed}")


def _class_set(labels: set[str], options: RowOptions, parser: _TableParser) -> tuple[str, ...]:
    """Choose the class set: the user's, or all emotions of the table; never those of one fold."""
    if options.emotions is not None:
        chosen = tuple(clean_name(emotion) for emotion in options.emotions)
        for emotion in chosen:
            if emotion not in labels:
                raise ConfigurationError(
                    f"corpus {parser.source.corpus}, option emotions: "
                    f"{unknown_value_message('emotion', emotion, sorted(labels))}"
                )
        return chosen
    ordered = tuple(label for label in map(clean_name, parser.source.labels) if label in labels)
    emotions = ordered if set(ordered) == labels else tuple(sorted(labels))
    parser.notes.append(f"class set, from all rows: {', '.join(emotions)} (option emotions changes set or order)")
    return emotions


def _select_class_set(emotions: tuple[str, ...], parser: _TableParser) -> None:
    outside = Counter(utterance.emotion for _, utterance in parser.rows if utterance.emotion not in emotions)
    if outside:
        listed = ", ".join(f"{emotion} {outside[emotion]}" for emotion in sorted(outside))
        parser.notes.append(f"left out, emotion outside the class set: {listed}")
    parser.rows = [(row, utterance) for row, utterance in parser.rows if utterance.emotion in emotions]


def _drop_missing_audio(parser: _TableParser, options: RowOptions) -> None:
    """Skip rows without a file or with one outside the corpus, and second rows for the same audio."""
    row_of_segment: dict[tuple[str, float | None, float | None], Row] = {}
    unique_rows = []
    for row, utterance in parser.rows:
        utterance = replace(utterance, path=_existing_path(utterance.path))
        segment = (os.path.normpath(utterance.path), utterance.start_s, utterance.end_s)
        if not options.outside_root and _is_outside(utterance.path, parser.source.root):
            parser.skip(row, f"expected an audio file in the corpus's folder, found {utterance.path} {_TRUST_HINT}")
        elif not os.path.isfile(utterance.path):  # noqa: PTH113 - unlike Path's, it takes any text
            parser.skip(row, f"expected an audio file, found none at {utterance.path}")
        elif segment in row_of_segment:
            parser.skip(row, f"expected audio of its own, found that of {row_of_segment[segment].name}")
        else:
            row_of_segment[segment] = row
            unique_rows.append((row, utterance))
    parser.rows = unique_rows


def _existing_path(path: Path) -> Path:
    """Find the file of a path that was written on another system; the path itself where there is none.

    Windows writes backslashes, macOS splits accents off their letters (NFD).
    """
    text = str(path)
    forms = (text, text.replace("\\", "/"))
    spellings = (unicodedata.normalize(form, text) for text in forms for form in ("NFC", "NFD"))
    candidates = dict.fromkeys([*forms, *spellings])
    return next((Path(candidate) for candidate in candidates if os.path.isfile(candidate)), path)  # noqa: PTH113


def _is_outside(path: Path, root: Path) -> bool:
    """Check whether a path leads out of a folder by its text ('..' or absolute); links inside it may."""
    inside = Path(os.path.abspath(path)).is_relative_to(os.path.abspath(root))  # noqa: PTH100 - keeps links
    return not inside and not path.resolve().is_relative_to(root.resolve())


def _assign_ids(parser: _TableParser) -> None:
    """Name utterances without an id; skip rows that repeat an id."""
    anonymous = [(row.cell("path"), utterance) for row, utterance in parser.rows if not utterance.id]
    names = iter(_default_names(anonymous))
    row_of_id: dict[str, Row] = {}
    unique_rows = []
    for row, utterance in parser.rows:
        name = utterance.id or next(names)
        if name in row_of_id:
            parser.skip(row, f"expected an id of its own, found '{name}', which is that of {row_of_id[name].name}")
        else:
            row_of_id[name] = row
            unique_rows.append((row, replace(utterance, id=name)))
    parser.rows = unique_rows


def _default_names(anonymous: Sequence[tuple[str, Utterance]]) -> list[str]:
    """Name utterances by file stem; add times, folders and suffixes until names are unique."""

    def times(utterance: Utterance) -> str:
        whole = utterance.start_s is None and utterance.end_s is None
        return "" if whole else f"_{utterance.start_s or 0:g}-{'end' if utterance.end_s is None else utterance.end_s}"

    candidates = (
        [utterance.path.stem for _, utterance in anonymous],
        [utterance.path.stem + times(utterance) for _, utterance in anonymous],
        [f"{path}{times(utterance)}" for path, utterance in anonymous],
    )
    return next((names for names in candidates if len(set(names)) == len(names)), candidates[-1])


def _named_pairs(parser: _TableParser) -> Mapping[str, str]:
    """Collect the pairs that rows name, both ways; skip rows that contradict an earlier one."""
    pairs: dict[str, str] = {}
    consistent_rows = []
    for row, utterance in parser.rows:
        speaker, partner = utterance.speaker, row.cell("partner")
        if partner:
            if (contradiction := _contradiction(speaker, partner, pairs)) is not None:
                parser.skip(row, contradiction)
                continue
            pairs |= {speaker: partner, partner: speaker}
        consistent_rows.append((row, utterance))
    parser.rows = consistent_rows
    return pairs


def _contradiction(speaker: str, partner: str, pairs: Mapping[str, str]) -> str | None:
    """Describe how a pair contradicts itself or earlier pairs; None if it does not."""
    if speaker == partner:
        return f"expected another speaker as partner of '{speaker}', found the same"
    if pairs.get(speaker, partner) != partner:
        return f"expected '{pairs[speaker]}' as partner of '{speaker}', as in earlier rows, found '{partner}'"
    if pairs.get(partner, speaker) != speaker:
        return f"expected '{partner}' as partner of '{pairs[partner]}', as in earlier rows, found it for '{speaker}'"
    return None


def _main_language(utterances: Sequence[Utterance], language: str | None) -> str:
    """Choose the corpus's language: as stated, else that of all rows if they agree."""
    if language is not None:
        return language
    languages = {utterance.language for utterance in utterances}
    common = languages.pop() if len(languages) == 1 else None
    return common or UNDETERMINED


def _drop_default_language(utterance: Utterance, language: str) -> Utterance:
    """Clear an utterance's language where it is that of the corpus."""
    return replace(utterance, language=None) if utterance.language == language else utterance
