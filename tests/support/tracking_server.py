"""A real MLflow server for tests, to be killed and started again over the same database."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from shutil import copyfile

from tests.support.toy_coordinator import StudyFixture
from tests.support.toy_studies import CORPUS
from tracking.backend.client import connect, experiment_id

_LONG_S = 120.0


class TrackingServer:
    """A server on 127.0.0.1, with its database and artifacts in a folder; nothing is started yet.

    Args:
        folder: The folder.
        empty_store: An empty MLflow database.
    """

    def __init__(self, folder: Path, empty_store: Path) -> None:
        folder.mkdir()
        self._folder = folder
        copyfile(empty_store, folder / "server.db")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port)]
        command += ["--backend-store-uri", f"sqlite:///{self._folder / 'server.db'}", "--workers", "1"]
        command += ["--artifacts-destination", str(self._folder / "artifacts")]
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, env=os.environ | quiet
            )
        until = time.monotonic() + _LONG_S
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < until, "the server did not start in time"
            time.sleep(0.1)

    def kill(self) -> None:
        """Kills it with its workers."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class ServedPlace(StudyFixture):
    """A place whose runs are kept by a tracking server.

    Args:
        folder: The folder.
        empty_store: An empty MLflow database.
        empty_search: An empty Optuna database.
        url: URL of the server.
    """

    def __init__(self, folder: Path, empty_store: Path, empty_search: Path, url: str) -> None:
        super().__init__(folder, empty_store, empty_search)
        self.store.client, self.store.shared = connect(url), True
        self.store.experiment = experiment_id(self.store.client, CORPUS.name, None)
