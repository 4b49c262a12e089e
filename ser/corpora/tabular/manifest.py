"""Corpora that a CSV manifest describes: one row per utterance."""

from dataclasses import dataclass
from pathlib import Path

from ser.corpora.corpus import Annotations, SkippedFile
from ser.corpora.label_files import require_folder
from ser.corpora.tabular.annotations import TableSource, build_annotations
from ser.corpora.tabular.csv_records import decode_table, find_separator, read_csv_records
from ser.corpora.tabular.rows import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, Row, RowOptions
from ser.errors import AnnotationError, CorpusError

_EXPECTED_HEADER = (
    f"a header with the columns {', '.join(REQUIRED_COLUMNS)} (and perhaps {', '.join(OPTIONAL_COLUMNS)}), "
    "separated by commas, semicolons or tabs"
)
_COLUMNS = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
_SIMILAR_NAMES = {
    "path": ("file", "filename", "file_name", "filepath", "file_path", "wav", "wav_path", "audio", "audio_path"),
    "speaker": ("speaker_id", "speakerid", "spk", "spk_id", "speaker_name", "subject", "actor", "actor_id"),
    "emotion": ("label", "labels", "class", "category", "emotion_label", "emo"),
    "session": ("session_id", "sessionid", "dialog", "dialogue"),
    "transcript": ("sentence", "text", "transcription", "transcripts"),
    "language": ("lang", "locale"),
    "split": ("set", "subset", "partition", "fold"),
    "id": ("utterance_id", "utt_id", "utterance"),
}
"""Other common names of columns: they are not read, but a message says how to rename them."""


class ManifestOptions(RowOptions):
    """Options of a manifest.

    Attributes:
        file: The manifest, relative to the corpus's folder.
    """

    file: str = "manifest.csv"


DEFAULTS = ManifestOptions()


@dataclass(frozen=True)
class Manifest:
    """Content of a manifest.

    Attributes:
        rows: Its rows, in order.
        faults: An error for each row that does not fit its header.
        notes: Messages on its encoding, and on renamed and unused columns.
    """

    rows: tuple[Row, ...]
    faults: tuple[AnnotationError, ...]
    notes: tuple[str, ...]


def parse_manifest(data: bytes, path: Path) -> Manifest:
    """Read a manifest.

    Args:
        data: The file's bytes: values separated by commas, semicolons or tabs, with a header, in UTF-8,
            UTF-16 or Windows-1252; a value with a separator, a quote or a line break stands in double quotes.
        path: The file, for messages.

    Returns:
        Its rows, and the faults of those that have another number of values than the header, or stray
        quotes. Empty lines are no rows.

    Raises:
        AnnotationError: The text cannot be decoded, or the header lacks a column or has one twice.
    """
    text, guessed_encoding = decode_table(data, path)
    notes = [f"{path.name} is not UTF-8; read as {guessed_encoding}, check its accents"] if guessed_encoding else []
    text, separator = find_separator(text, REQUIRED_COLUMNS)
    table = read_csv_records(text, path, separator)
    header = next(table, None)
    if header is None or isinstance(header[1], AnnotationError):
        raise AnnotationError(path, 1, f"{_EXPECTED_HEADER}; found {'nothing' if header is None else 'stray quotes'}")
    columns = _rename_columns(tuple(cell.strip() for cell in header[1]), notes)
    _check_header(columns, path)
    rows, faults = [], []
    for line, cells in table:
        if isinstance(cells, AnnotationError):
            faults.append(cells)
        elif len(cells) != len(columns):
            faults.append(AnnotationError(path, line, f"{len(columns)} values, as in the header, found {len(cells)}"))
        else:
            name = f"{path.name}, line {line}"
            rows.append(Row(name, f"{path}, line {line}", dict(zip(columns, cells, strict=True))))
    unused = [repr(column) + _renaming_hint(column) for column in columns if column not in _COLUMNS]
    if unused:
        notes.append(f"unused columns of the manifest: {', '.join(unused)}")
    return Manifest(tuple(rows), tuple(faults), tuple(notes))


def _rename_columns(columns: tuple[str, ...], notes: list[str]) -> tuple[str, ...]:
    """Accept known columns in another case or with blanks, unless the exact name is there too."""
    renamed = []
    for column in columns:
        name = _normalize(column)
        if name != column and name in _COLUMNS and name not in columns:
            notes.append(f"column {column!r} of the manifest is read as '{name}'")
            column = name
        renamed.append(column)
    return tuple(renamed)


def _renaming_hint(column: str) -> str:
    """Suggest the name of a column that has a near or common other name."""
    target = next((name for name in _SIMILAR_NAMES if _is_similar(column, name)), None)
    return f" (rename it to '{target}' to use it)" if target else ""


def _is_similar(column: str, name: str) -> bool:
    return _normalize(column) in _SIMILAR_NAMES.get(name, ())


def _normalize(column: str) -> str:
    return "_".join(column.casefold().replace("_", " ").split())


def _check_header(columns: tuple[str, ...], path: Path) -> None:
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        header = ", ".join(columns)
        hints = [
            f"rename '{column}' to '{name}'" for name in missing for column in columns if _is_similar(column, name)
        ]
        remedy = f"; {', '.join(hints)}" if hints else ""
        problem = f"missing: {', '.join(missing)}, found: {header[:200]!r}{remedy}"
        raise AnnotationError(path, 1, f"{_EXPECTED_HEADER}; {problem}")
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    if twice:
        raise AnnotationError(path, 1, f"each column once; found twice: {', '.join(twice)[:200]!r}")


def load(root: Path, options: ManifestOptions = DEFAULTS) -> Annotations:
    """Read the corpus that a manifest describes; no audio.

    The class set is that of the whole manifest or the one given. Partners come from the column
    `partner`, else from sessions of two speakers, else from the order of the speakers' names.

    Args:
        root: The folder that holds the manifest; paths are relative to it.
        options: Its options.

    Returns:
        The annotations; a row that can't be used is skipped and listed with its line.

    Raises:
        ConfigurationError: The class set given has an emotion that no row has.
        CorpusError: There is no such manifest, it lacks a column, or none of its rows can be used.
    """
    expected = f"the manifest '{options.file}' with the columns {', '.join(REQUIRED_COLUMNS)}"
    require_folder(root, "a corpus with a manifest", expected)
    path = root / options.file
    if not path.is_file():
        raise CorpusError(f"{root}: has no file '{options.file}'; expected a corpus with {expected}")
    try:
        manifest = parse_manifest(path.read_bytes(), path)
    except OSError as error:
        raise AnnotationError(path, None, f"a readable file ({error.strerror})") from error
    skipped = tuple(SkippedFile(f"{path.name}, line {fault.line}", str(fault)) for fault in manifest.faults)
    source = TableSource("manifest", root, skipped=skipped, notes=manifest.notes)
    return build_annotations(manifest.rows, source, options)
