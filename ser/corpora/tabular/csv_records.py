"""Hand-written tables, and what spreadsheets make of them; every fault names its line."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from ser.errors import AnnotationError

_SEPARATOR_LINE = re.compile(r"\ufeff?sep=(.)(?=[\r\n])", re.IGNORECASE)
_SEPARATORS = (",", ";", "\t")


def decode_utf8(data: bytes, path: Path) -> str:
    """Decode a file in UTF-8, with or without a byte order mark.

    Raises:
        AnnotationError: A byte is not UTF-8; the text names its line.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise AnnotationError(path, line, f"text in UTF-8, found byte 0x{data[error.start]:02x}") from None


def decode_table(data: bytes, path: Path) -> tuple[str, str | None]:
    """Decode a table as spreadsheets save it: UTF-8, UTF-16, or else Windows-1252.

    Returns:
        The text, and the encoding where it was guessed.

    Raises:
        AnnotationError: The text has none of these encodings; the message names a line.
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if marked or b"\0" in data[:2]:
        encoding = "utf-16" if marked else "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
        try:
            return data.decode(encoding), None
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise AnnotationError(path, line, f"text in UTF-16 ({error.reason})") from None
    try:
        return decode_utf8(data, path), None
    except AnnotationError:
        try:
            return data.decode("cp1252"), "Windows-1252"
        except UnicodeDecodeError:
            pass
        raise


def find_separator(text: str, columns: tuple[str, ...]) -> tuple[str, str]:
    """Find the separator of a table: a line 'sep=X' names it, else the header shows it.

    Args:
        text: The table.
        columns: Columns of the header, of which the right separator yields the most.

    Returns:
        The text, with an empty line for a line 'sep=X', and the separator.
    """
    if match := _SEPARATOR_LINE.match(text):
        return text[match.end() :], match[1]
    header = re.split(r"[\r\n]", text.lstrip("\ufeff\r\n"), maxsplit=1)[0]

    def matching_columns(separator: str) -> int:
        return len({cell.strip(' "').lower() for cell in header.split(separator)} & set(columns))

    return text, max(_SEPARATORS, key=matching_columns)


def read_csv_records(text: str, path: Path, separator: str = ",") -> Iterator[tuple[int, list[str] | AnnotationError]]:
    """Read the records of a table, header included; skip empty lines.

    Args:
        text: Separated values; one with a separator, a quote or a line break stands in double quotes.
        path: The file, for messages.
        separator: Character between the values.

    Yields:
        The first line of each record, and its values; an error instead of a record with stray quotes.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = f"a fault: {error}"
            if reader.line_num > line:
                fault = f"a quote that is left open and swallows the lines up to {reader.line_num}"
            yield line, AnnotationError(path, line, f"values separated by {separator!r}, found {fault}")
        else:
            if any(cell.strip() for cell in cells):
                yield line, cells
