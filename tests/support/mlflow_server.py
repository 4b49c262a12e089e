"""A real MLflow tracking server for tests, on a free port, to be killed and started again over the same database."""

import os
import signal
import socket
import sys
import time
import urllib.request
from pathlib import Path
from shutil import copyfile
from types import TracebackType

import psutil

from tests.support.processes import has_ended
from tests.support.warm_mlflow import warm_servers

_START_S = 120.0
_ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


class MlflowServer:
    """A server on 127.0.0.1; as a context, one that runs while the block does.

    Args:
        folder: Folder of its artifacts and its log; it is made where it is missing.
        database: URL of its database.
        *options: Further options of its command, which is then carried out as a user's is; without any the server is
            forked from a process that has imported MLflow.
    """

    def __init__(self, folder: Path, database: str, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        folder.mkdir(exist_ok=True)
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "log.txt"
        self._process: psutil.Process | None = None
        self._is_forked = not options
        self._options = ["--backend-store-uri", database]
        self._options += ["--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts"]
        self._options += ["--host", "127.0.0.1", "--port", port, *(options or ("--workers", "1"))]

    @classmethod
    def over_copy(cls, folder: Path, empty_store: Path) -> "MlflowServer":
        """Make a server over a copy of an empty MLflow database, which is quicker than a new database."""
        folder.mkdir()
        copyfile(empty_store, folder / "server.db")
        return cls(folder, f"sqlite:///{folder / 'server.db'}")

    def __enter__(self) -> "MlflowServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start the server unless it runs, and wait until it answers."""
        if self._process is not None:
            return
        environment = os.environ | _ENVIRONMENT
        if self._is_forked:
            self._process = warm_servers().start(self._options, environment, self._log)
        else:
            command = [sys.executable, "-m", "mlflow", "server", *self._options]
            with self._log.open("ab") as log:
                self._process = psutil.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        deadline = time.monotonic() + _START_S
        while not self._answers():
            assert not has_ended(self._process), self._log.read_text()
            assert time.monotonic() < deadline, f"no answer from {self.url}: {self._log.read_text()}"
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill the server with its workers; a server that is told to end waits for its clients."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            while not has_ended(self._process):
                time.sleep(0.01)
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
