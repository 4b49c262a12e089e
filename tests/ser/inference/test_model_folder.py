"""A model's folder appears whole or not at all, whenever the program that writes it is killed."""

import os
import resource
import shutil
import signal
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from ser.errors import ModelError
from ser.inference.model_folder import CARD, WEIGHTS, read_folder, write_folder
from studies.models.opening import newest_model
from studies.storages.home import Home
from tests.support.toy_models import write_model


def write_until_killed(model: Path, folder: Path, moment: int) -> None:
    """Writes a copy of a model, and dies before its file operation of that number."""
    description, _ = read_folder(model)
    weights, card = (model / WEIGHTS).read_bytes(), (model / CARD).read_text(encoding="utf-8")
    operations = 0

    def count(event: str, arguments: Any) -> None:
        nonlocal operations
        if event in ("open", "os.mkdir", "os.rename"):
            operations += 1
            if operations == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    write_folder(folder, description, weights, card, [model / CARD])


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_killed_writer_leaves_no_half_folder(tmp_path: Path) -> None:
    description = write_model(tmp_path / "model")
    home = Home(tmp_path / "home")
    folder, notes = home.models / "made", home.models / ".made.partial-notes"
    notes.mkdir(parents=True)
    exit_codes, drafts = list[int | None](), set[str]()
    while 0 not in exit_codes:
        shutil.rmtree(folder, ignore_errors=True)
        writer = get_context("fork").Process(
            target=write_until_killed, args=(tmp_path / "model", folder, len(exit_codes) + 1)
        )
        writer.start()
        writer.join()
        exit_codes.append(writer.exitcode)
        if folder.exists():
            assert newest_model(home) == folder
            assert read_folder(folder)[0] == description
        else:
            drafts |= {path.name for path in home.models.iterdir()} - {notes.name}
            with pytest.raises(ModelError, match="there is no model"):
                newest_model(home)
    assert exit_codes == [-signal.SIGKILL] * (len(exit_codes) - 1) + [0]
    assert len(drafts) > 5
    assert {path.name for path in home.models.iterdir()} == {"made", notes.name}


def test_an_encoder_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    description = write_model(tmp_path / "model")
    missing = tmp_path / "encoder.bin"
    with pytest.raises(ModelError, match=rf"^{missing}: cannot be read: No such file or directory$"):
        write_folder(tmp_path / "made", description, b"", "", [missing])
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    description = write_model(tmp_path / "model")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(ModelError, match=rf"^{tmp_path / 'made'}: cannot be written: File too large$"):
            write_folder(tmp_path / "made", description, b"", "", [tmp_path / "model" / WEIGHTS])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
