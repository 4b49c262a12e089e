"""A real MLflow tracking server for tests, on a free port, to be killed and started again over the same database."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from shutil import copyfile
from types import TracebackType

_START_S = 120.0
_ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


class MlflowServer:
    """A server on 127.0.0.1; as a context, one that runs while the block does.

    Args:
        folder: Folder of its artifacts and its log; it is made where it is missing.
        database: URL of its database.
        *options: Further options of its command.
    """

    def __init__(self, folder: Path, database: str, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        folder.mkdir(exist_ok=True)
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self._command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database]
        self._command += ["--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts"]
        self._command += ["--host", "127.0.0.1", "--port", port, *(options or ("--workers", "1"))]

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
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=os.environ | _ENVIRONMENT, start_new_session=True
            )
        deadline = time.monotonic() + _START_S
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, f"no answer from {self.url}: {self._log.read_text()}"
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill the server with its workers; a server that is told to end waits for its clients."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
