"""Ctrl-C at moments at which no command runs yet."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import studies

PROJECT = Path(studies.__file__).parent.parent
SLOW_MODULE = "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"
STOPPED = "Stopped. Run the same command to resume.\n"


def interrupt_import(folder: Path, module: str, *arguments: str, ignored: bool = False) -> tuple[int, str]:
    """Run `ser`, interrupt it while it imports a module, and return exit code and error output."""
    (folder / f"{module}.py").write_text(SLOW_MODULE)
    environment = os.environ | {"PYTHONPATH": f"{folder}:{PROJECT}"}
    # A process that a shell runs in the background ignores interrupts, and so do those that it starts.
    answer = "SIG_IGN" if ignored else "default_int_handler"
    code = f"import signal\nsignal.signal(signal.SIGINT, signal.{answer})\n"
    code += "from studies.cli.entry import main\nmain()"
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=folder
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        if ignored:
            process.terminate()
        _, errors = process.communicate(timeout=30)
    return process.returncode, errors


@pytest.mark.parametrize("module", ["typer", "optuna"])
def test_an_import_is_interrupted_in_one_line(tmp_path: Path, module: str) -> None:
    assert interrupt_import(tmp_path, module, "study", "run", "--attention", "none") == (130, STOPPED)


def test_a_command_that_ignores_interrupts_goes_on(tmp_path: Path) -> None:
    assert interrupt_import(tmp_path, "typer", ignored=True) == (-signal.SIGTERM, "")
