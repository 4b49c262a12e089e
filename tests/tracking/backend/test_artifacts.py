import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ser.errors import UnavailableError
from tests.support.s3_errors import s3_answer
from tracking.backend import mlflow_internals
from tracking.backend.artifacts import has_trained_fold, open_artifact
from tracking.backend.errors import http_code, translating_errors


def run_at(uri: str, kind: str = "trial") -> Any:
    info = SimpleNamespace(run_id="r1", artifact_uri=uri)
    return SimpleNamespace(info=info, data=SimpleNamespace(tags={"ser.kind": kind}))


def test_a_file_on_this_machine_is_read_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    client: Any = None
    with open_artifact(client, run_at(f"file://{tmp_path}/a%20b"), "trial.json") as path:
        assert path == tmp_path / "a b" / "trial.json"


@contextmanager
def server(code: int, body: bytes, promised: int) -> Iterator[MlflowClient]:
    """A client of a server that gives every request the same answer."""
    # Importing it sets how often MLflow sends a request.
    import_module("tracking.backend.client")

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(promised))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield MlflowClient(tracking_uri=f"http://127.0.0.1:{http.server_port}")
        http.shutdown()


def test_of_a_file_elsewhere_no_copy_is_left() -> None:
    run = run_at("mlflow-artifacts:/1/r1/artifacts")
    with server(200, b"a result", 8) as client, open_artifact(client, run, "trial.json") as path:
        assert path.read_bytes() == b"a result"
    assert not path.parent.parent.exists()


@pytest.mark.parametrize(("code", "promised"), [(503, 0), (401, 0), (200, 9)])
def test_a_server_that_answers_badly_lacks_no_file(code: int, promised: int) -> None:
    run = run_at("mlflow-artifacts:/1/r1/artifacts")
    with (
        server(code, b"" if code != 200 else b"half", promised) as client,
        pytest.raises(UnavailableError),
        translating_errors("server"),
        open_artifact(client, run, "trial.json"),
    ):
        raise AssertionError("nothing was downloaded")


def test_a_file_that_a_server_lacks_is_no_outage() -> None:
    run = run_at("mlflow-artifacts:/1/r1/artifacts")
    with (
        server(404, b"", 0) as client,
        pytest.raises(OSError, match="404"),
        translating_errors("server"),
        open_artifact(client, run, "trial.json"),
    ):
        raise AssertionError("nothing was downloaded")


def test_an_object_that_s3_lacks_is_a_missing_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, path: str) -> None:
        raise s3_answer("404", 404)

    client: Any = None
    repository = SimpleNamespace(_download_file=refuse)
    monkeypatch.setattr(mlflow_internals, "artifact_repository", lambda client, uri: repository)
    with (
        pytest.raises(MlflowException, match=r"no artifact trial\.json") as caught,
        translating_errors("server"),
        open_artifact(client, run_at("s3://bucket/r1"), "trial.json"),
    ):
        raise AssertionError("nothing was downloaded")
    assert http_code(caught.value) == 404


def test_a_fold_run_has_its_result_where_the_file_is_there(tmp_path: Path) -> None:
    run = run_at(str(tmp_path), "fold")
    assert not has_trained_fold(run)
    (tmp_path / "fold.safetensors").touch()
    assert not has_trained_fold(run)
    (tmp_path / "fold.safetensors").write_bytes(b"a result")
    assert has_trained_fold(run)
    assert has_trained_fold(run_at("s3://bucket/r1", "fold"))
