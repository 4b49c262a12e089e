"""Corpora that a CSV manifest describes: one row per utterance."""

from dataclasses import dataclass
from pathlib import Path

from ser.corpora.corpus import Annotations, SkippedFile
from ser.corpora.label_files import require_folder
from ser.corpora.tabular.annotations import TableSource, build_annotations
from ser.corpora.tabular.csv_records import decode_utf8, read_csv_records
from ser.corpora.tabular.rows import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, Row, RowOptions
from ser.errors import AnnotationError, CorpusError

_EXPECTED_HEADER = (
    f"a header with the columns {', '.join(REQUIRED_COLUMNS)} (and perhaps {', '.join(OPTIONAL_COLUMNS)}), "
    "separated by commas"
)


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
        unused: Columns that are not read.
    """

    rows: tuple[Row, ...]
    faults: tuple[AnnotationError, ...]
    unused: tuple[str, ...]


def parse_manifest(data: bytes, path: Path) -> Manifest:
    """Read a manifest.

    Args:
        data: The file's bytes: comma-separated values in UTF-8, with or without a byte order mark, with
            a header; a value with a comma, a quote or a line break stands in double quotes.
        path: The file, for messages.

    Returns:
        Its rows, and the faults of those that have another number of values than the header, or stray
        quotes. Empty lines are no rows.

    Raises:
        AnnotationError: The text is not UTF-8, or the header lacks a column or has one twice.
    """
    table = read_csv_records(decode_utf8(data, path), path)
    header = next(table, None)
    if header is None or isinstance(header[1], AnnotationError):
        raise AnnotationError(path, 1, f"{_EXPECTED_HEADER}; found {'nothing' if header is None else 'stray quotes'}")
    columns = tuple(cell.strip() for cell in header[1])
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
    valid = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
    return Manifest(tuple(rows), tuple(faults), tuple(column for column in columns if column not in valid))


def _check_header(columns: tuple[str, ...], path: Path) -> None:
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        header = ", ".join(columns)
        raise AnnotationError(path, 1, f"{_EXPECTED_HEADER}; missing: {', '.join(missing)}, found: {header[:200]!r}")
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
    unused = ", ".join(map(repr, manifest.unused))
    notes = (f"unused columns of the manifest: {unused}",) if unused else ()
    return build_annotations(manifest.rows, TableSource("manifest", root, skipped=skipped, notes=notes), options)
