"""Output in encodings that lack some of our characters."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_tables_are_written_in_any_encoding(encoding: str) -> None:
    command = [sys.executable, "-c", "from studies.cli.main import app; app()", "report", "published"]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "200"}
    answer = subprocess.run(command, capture_output=True, env=environment, timeout=120, check=False)
    assert (answer.returncode, answer.stderr) == (0, b"")
    text = answer.stdout.decode(encoding)
    assert "IEMOCAP" in text
    assert "Traceback" not in text


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
