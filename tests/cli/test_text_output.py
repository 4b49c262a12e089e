"""Output in encodings that lack some of our characters."""

import io
import os
import re
import subprocess
import sys

import pytest
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from studies.cli.main import app
from studies.cli.terminal.console import Console
from studies.cli.terminal.text_output import printable, remove_controls


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_tables_are_written_in_any_encoding(encoding: str) -> None:
    answer = CliRunner(charset=encoding, env={"COLUMNS": "200"}).invoke(app, ["report", "published"])
    assert (answer.exit_code, answer.stderr_bytes) == (0, b""), answer.exception
    assert "IEMOCAP" in answer.stdout_bytes.decode(encoding)


NAMES = ("\x1b[2Ja", "\x1b]0;title\x07", "a\rb", "\x9b2J", "\u202egnp.wav", "a\u2066b\u2069")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("as_table", [False, True])
def test_a_name_cannot_steer_the_terminal(name: str, as_table: bool) -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=60)
    table = Table("file")
    table.add_row(Text(name, "bold"))
    console.print(table if as_table else Text(name, "bold"))
    text = re.sub(r"\x1b\[[0-9;]*m", "", written.getvalue())
    assert remove_controls(text) == text
    assert remove_controls(name) in text


@pytest.mark.parametrize("name", NAMES)
def test_an_error_line_shows_controls_as_escapes(name: str) -> None:
    assert printable(name) != name
    assert remove_controls(printable(name)) == printable(name)
    assert printable(name).encode().decode("unicode_escape") == name


@pytest.mark.parametrize(
    ("encoding", "expected"), [("ascii", b"71.0 +- 6.3 - -0.4 ?\n"), ("latin-1", b"71.0 \xb1 6.3 \xb7 -0.4 ?\n")]
)
def test_characters_that_an_encoding_lacks_are_written_in_ascii(encoding: str, expected: bytes) -> None:
    code = (
        "from studies.cli.terminal.text_output import substitute_missing_characters as substitute\n"
        "substitute(); print('71.0 ± 6.3 · −0.4 漢')"
    )
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    answer = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", code], capture_output=True, env=environment, timeout=60, check=True
    )
    assert answer.stdout == expected
