"""Optuna's dashboard over a study storage: only to be looked at, and only from this machine."""

from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from ser.errors import StudyError
from studies.storages.base import Storage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

HOST = "127.0.0.1"


def dashboard_app(storage: Storage) -> "WSGIApplication":
    """The dashboard, less all that would change a study: its own pages can rename, tell and delete.

    Args:
        storage: Where studies are kept.

    Raises:
        StudyError: The dashboard is not installed.
    """
    try:
        from optuna_dashboard import wsgi
    except ModuleNotFoundError as error:
        raise StudyError(
            "Optuna's dashboard is not installed; install this project with its extra 'dashboard'"
        ) from error
    app: WSGIApplication = wsgi(storage.open())
    return read_only(app)


def read_only(app: "WSGIApplication") -> "WSGIApplication":
    """Refuses every request that is not a look."""

    def answer(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return app(environ, start_response)
        text = b'{"reason": "this dashboard only shows: studies are changed by the command ser study"}'
        start_response("405 Method Not Allowed", [("Content-Type", "application/json"), ("Allow", "GET, HEAD")])
        return [text]

    return answer


class _Server(ThreadingMixIn, WSGIServer):
    """Answers requests side by side; the importance of parameters takes seconds."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: nobody asked for a line a request."""


def serve(app: "WSGIApplication", port: int, ready: Callable[[str], None]) -> None:
    """Serves until it is interrupted.

    Args:
        app: What is served.
        port: Port on 127.0.0.1; 0 takes a free one.
        ready: Is told the address once it is there.

    Raises:
        StudyError: The port is taken.
    """
    try:
        server = make_server(HOST, port, app, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        raise StudyError(f"port {port} of {HOST} cannot be used ({error.strerror}); name another one") from error
    with server:
        ready(f"http://{HOST}:{server.server_port}/dashboard")
        server.serve_forever()
