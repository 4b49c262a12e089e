import errno
import re
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from itertools import pairwise

import pytest
import requests
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, TEMPORARILY_UNAVAILABLE
from mlflow.tracking import MlflowClient
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import OperationalError

from ser.errors import SerError, StorageError, StudyError, UnavailableError
from tests.support.s3_errors import of_package, s3_answer
from tracking.backend.errors import http_code, redact_password, translate_error, translating_errors

FULL = OSError(errno.ENOSPC, "No space left on device", "/data/file")
DISK_FULL = sqlite3.OperationalError("database or disk is full")
LOCKED = sqlite3.OperationalError("database is locked")


def raised(*errors: BaseException) -> BaseException:
    """The first error, caused by the second one, and so on."""
    for above, below in pairwise(errors):
        above.__cause__ = below
    return errors[0]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FULL, StorageError),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), StorageError),
        (raised(StorageInternalError(), OperationalError("", {}, DISK_FULL), DISK_FULL), StorageError),
        (raised(MlflowException("full", TEMPORARILY_UNAVAILABLE), DISK_FULL), StorageError),
        (raised(StorageInternalError(), OperationalError("", {}, LOCKED), LOCKED), UnavailableError),
        (sqlite3.OperationalError("unable to open database file"), StorageError),
        (sqlite3.DatabaseError("database disk image is malformed"), StorageError),
        (requests.exceptions.ReadTimeout(), UnavailableError),
        (RestException({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "later"}), UnavailableError),
        (RestException({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such run"}), None),
        (MlflowException("no such run", RESOURCE_DOES_NOT_EXIST), None),
        (sqlite3.OperationalError("no such table: runs"), None),
        (ValueError("a bug"), None),
        (OSError(errno.EACCES, "Permission denied"), None),
    ],
)
def test_errors_are_translated(error: BaseException, kind: type[SerError] | None) -> None:
    translated = translate_error(error, "some server")
    assert type(translated) is (kind or type(None))
    if translated is not None:
        assert str(translated).startswith("some server")
        assert "\n" not in str(translated)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_file_that_cannot_be_written_is_named(number: int) -> None:
    translated = translate_error(OSError(number, "not allowed", "/data/a.lock"), "some server")
    assert str(translated) == "/data/a.lock cannot be used (not allowed)"


def test_an_error_of_ours_among_the_causes_is_kept() -> None:
    cause = StudyError("taken")
    assert translate_error(raised(RuntimeError(), cause)) is cause


def test_a_block_translates_errors_and_leaves_bugs() -> None:
    with pytest.raises(StorageError, match="here: disk full") as caught, translating_errors("here"):
        raise FULL
    assert caught.value.__cause__ is FULL
    with pytest.raises(ValueError, match="a bug"), translating_errors("here"):
        raise ValueError("a bug")


def test_an_absent_tracking_server_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # Importing it sets how often MLflow sends a request.
    import_module("tracking.backend.client")
    client = MlflowClient(tracking_uri="http://ser:hidden@127.0.0.1:1")
    with pytest.raises(MlflowException) as caught:
        client.search_experiments()
    translated = translate_error(caught.value)
    assert isinstance(translated, UnavailableError)
    assert str(translated) == "database or server unavailable (http://ser:***@127.0.0.1:1: ConnectionError)"


HTML = b"<html>Sign in</html>"
BAD_ANSWERS = {
    "internal error": (500, HTML, None, "HTTP status 500|RetryError"),
    "bad gateway": (502, HTML, None, "HTTP status 502|RetryError"),
    "not available": (503, b"", None, "HTTP status 503|RetryError"),
    "too many requests": (429, b"{}", None, "429|RetryError|INTERNAL_ERROR"),
    "no user": (401, HTML, None, "HTTP status 401; access denied: give user and password"),
    "forbidden": (403, b'{"error_code": "PERMISSION_DENIED", "message": "no"}', None, "access denied"),
    "body cut short": (200, b'{"experiments": [', 1000, "ChunkedEncodingError|ConnectionError"),
    "login page": (200, HTML, None, "the answer is not MLflow's"),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_a_server_that_answers_badly_is_unavailable(name: str) -> None:
    code, body, promised, expected = BAD_ANSWERS[name]
    import_module("tracking.backend.client")

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.send_response(code)
            self.send_header("Content-Length", str(promised or len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = MlflowClient(tracking_uri=f"http://ser:hidden@127.0.0.1:{server.server_port}")
        for call in (client.search_experiments, lambda: client.search_runs(["1"]), lambda: client.create_run("1")):
            with pytest.raises((MlflowException, requests.RequestException)) as caught:
                call()
            translated = translate_error(caught.value, "server")
            assert isinstance(translated, UnavailableError), caught.value
            assert re.search(expected, str(translated)), str(translated)
            assert "hidden" not in str(translated)
            assert "\n" not in str(translated)
        server.shutdown()


BOTO3_ERROR = of_package("boto3.exceptions.Boto3Error")
BOTOCORE_ERROR = of_package("botocore.exceptions.BotoCoreError")
NO_CONNECTION = of_package("botocore.exceptions.ConnectionError", BOTOCORE_ERROR)
UPLOAD_FAILED = of_package("boto3.exceptions.S3UploadFailedError", BOTO3_ERROR)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BOTOCORE_ERROR("Unable to locate credentials"), "cannot be used (Unable to locate credentials)"),
        (s3_answer("AccessDenied", 403), "cannot be used (An error occurred (AccessDenied) when"),
        (s3_answer("NoSuchBucket", 404), "cannot be used (An error occurred (NoSuchBucket) when"),
        (raised(UPLOAD_FAILED("failed"), s3_answer("AccessDenied", 403)), "cannot be used (An error"),
        (UPLOAD_FAILED("failed\nto upload"), "cannot be used (failed)"),
        (ModuleNotFoundError("No module named 'boto3'", name="boto3"), "cannot be used (No module named 'boto3'); "),
        (s3_answer("SlowDown", 503), "unavailable (An error occurred (SlowDown) when"),
        (raised(UPLOAD_FAILED("failed"), s3_answer("InternalError", 500)), "unavailable (An error"),
        (
            NO_CONNECTION('endpoint URL: "http://me:secret@host/b"'),
            'unavailable (endpoint URL: "http://me:***@host/b")',
        ),
    ],
)
def test_errors_of_a_store_on_s3_are_translated(error: Exception, text: str) -> None:
    translated = translate_error(error, "tracking server")
    assert str(translated).startswith(f"the store of artifacts {text}")
    assert isinstance(translated, UnavailableError) is text.startswith("unavailable")
    assert "\n" not in str(translated)


def test_a_missing_object_is_no_error_of_its_store() -> None:
    missing = s3_answer("404", 404)
    assert translate_error(missing) is None
    assert http_code(missing) == 404


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://host:5000/path", "http://host:5000/path"),
        ("https://me:secret@host:5000/path", "https://me:***@host:5000/path"),
        ("https://me@host", "https://me@host"),
        ("postgresql+psycopg://me:a/b@c@host/x", "postgresql+psycopg://me:***@host/x"),
        ("postgresql://host/x?user=me&password=secret&port=1", "postgresql://host/x?user=me&password=***&port=1"),
        ("no http://me:one@a nor http://me:two@b", "no http://me:***@a nor http://me:***@b"),
        ("me@host: a: b", "me@host: a: b"),
    ],
)
def test_a_password_is_replaced(text: str, shown: str) -> None:
    assert redact_password(text) == shown
