"""MLflow's tracking server, forked from a process that has imported it: its command imports MLflow twice.

    python -m tests.support.warm_mlflow

reads a request a line, with the options of `mlflow server`, its variables and its log, and answers with the id of the
server's process, which leads a group of its own. All that is left of them end with it, when its input ends.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import psutil


class WarmServers:
    """The process from which servers are forked; it ends with this one."""

    def __init__(self) -> None:
        self._requests = threading.Lock()
        command = [sys.executable, "-W", "ignore", "-m", "tests.support.warm_mlflow"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent.parent
        )

    def start(self, options: list[str], environment: dict[str, str], log: Path) -> psutil.Process:
        """Start `mlflow server` with options and variables; what it prints is appended to a log."""
        request = {"options": options, "environment": environment, "log": str(log)}
        with self._requests:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return psutil.Process(int(self._process.stdout.readline()))


@cache
def warm_servers() -> WarmServers:
    """The one process of this test process from which servers are forked."""
    return WarmServers()


def main() -> None:
    """The process that has imported MLflow."""
    for module in ("mlflow.cli", "mlflow.server.fastapi_app", "uvicorn.main"):
        import_module(module)
    servers = []
    for line in sys.stdin:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
        server = os.fork()
        if server == 0:
            _serve(**json.loads(line))
        servers.append(server)
        print(server, flush=True)
    for server in servers:
        with suppress(ProcessLookupError):
            os.killpg(server, signal.SIGKILL)


def _serve(options: list[str], environment: dict[str, str], log: str) -> NoReturn:
    """Carry out `mlflow server` in this process, which is a fork's."""
    import mlflow.cli
    import mlflow.server

    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(environment)
    # What it makes of the variables it makes when it is imported; all that it imports itself is there.
    del sys.modules["mlflow.server.fastapi_app"]
    mlflow.server._exec_cmd = _uvicorn_here
    mlflow.cli.cli(["server", *options])
    raise AssertionError("a server that ends leaves the process")


def _uvicorn_here(command: list[str], extra_env: dict[str, str], **_: Any) -> NoReturn:
    """Stands in for MLflow's start of `python -m uvicorn` as another process."""
    from uvicorn.main import main as uvicorn

    os.environ.update(extra_env)
    assert command[1:3] == ["-m", "uvicorn"], command
    uvicorn(command[3:])
    raise AssertionError("a server that ends leaves the process")


if __name__ == "__main__":
    main()
