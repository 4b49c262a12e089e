"""Hand-written comma-separated values; every fault names its line."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from ser.errors import AnnotationError


def decode_utf8(data: bytes, path: Path) -> str:
    """Decode a file in UTF-8, with or without a byte order mark.

    Args:
        data: The file's bytes.
        path: The file, for messages.

    Raises:
        AnnotationError: A byte is not UTF-8; the text names its line.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise AnnotationError(path, line, f"text in UTF-8, found byte 0x{data[error.start]:02x}") from None


def read_csv_records(text: str, path: Path) -> Iterator[tuple[int, list[str] | AnnotationError]]:
    """Read the records of a table, header included; skip empty lines.

    Args:
        text: Values with commas between them; one with a comma, a quote or a line break stands in
            double quotes.
        path: The file, for messages.

    Yields:
        The first line of each record, and its values; an error instead of a record with stray quotes.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            until = f" (up to line {reader.line_num})" if reader.line_num > line else ""
            yield line, AnnotationError(path, line, f"comma-separated values, found a fault{until}: {error}")
        else:
            if any(cell.strip() for cell in cells):
                yield line, cells
