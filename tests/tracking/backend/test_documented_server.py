"""The command of docs/storage.md that starts a tracking server."""

import re
import shlex
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.mlflow_server import MlflowServer

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "storage.md"
POSTGRESQL = "postgresql+psycopg://USER@HOST/mlflow"
CLIENTS_NAME = "mlflow.example"


def documented_command() -> tuple[dict[str, str], list[str]]:
    """Variables and options of the one documented command."""
    (text,) = re.findall(r"^((?:\w+=\S+ \\\n)*mlflow server (?:.*\\\n)*.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    words = shlex.split(text.replace("\\\n", " "))
    start = words.index("mlflow")
    variables = dict(word.split("=", 1) for word in words[:start])
    return variables, words[start + 2 :]


@pytest.mark.slow
def test_the_documented_server_answers_under_the_names_of_its_clients(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables, options = documented_command()
    database = tmp_path / "server.db"
    database.write_bytes(empty_store.read_bytes())
    # As documented, but over SQLite, on this machine alone, and with one process.
    values = {POSTGRESQL: f"sqlite:///{database}", "FOLDER": str(tmp_path / "files"), "0.0.0.0": "127.0.0.1", "4": "1"}
    assert values.keys() <= set(options)
    server = MlflowServer(tmp_path / "server", "", *(values.get(option, option) for option in options))
    address = urlsplit(server.url)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.replace("HOST", CLIENTS_NAME).replace("5000", str(address.port)))

    def status_of(path: str, host: str) -> int:
        connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
        connection.request("GET", path, headers={"Host": f"{host}:{address.port}"})
        return connection.getresponse().status

    with server:
        assert status_of("/health", CLIENTS_NAME) == 200
        search = "/api/2.0/mlflow/experiments/search?max_results=1"
        answers = [status_of(search, host) for host in (CLIENTS_NAME, "localhost", "other.example")]
        assert answers == [200, 200, 403]
