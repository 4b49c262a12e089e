"""Optuna's dashboard over a study storage: read-only, and served to this machine only."""

import re
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.storages import BaseStorage
from optuna.trial import TrialState

from ser.errors import StudyError
from studies.monitoring.local_hosts import HOST, is_local_host
from studies.planning.search_space import IMPORTANCE_MIN_TRIALS
from studies.storages.base import Storage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_IMPORTANCES = re.compile(r"/api/studies/(\d+)/param_importances")


def dashboard_app(storage: Storage) -> "WSGIApplication":
    """Return the dashboard without what would change a study: its pages can rename, tell and delete.

    Raises:
        StudyError: The dashboard is not installed.
    """
    try:
        from optuna_dashboard import wsgi
    except ModuleNotFoundError as error:
        raise StudyError(
            "Optuna's dashboard is not installed; install it with: pip install 'ser-studies[dashboard]'"
        ) from error
    opened = storage.open()
    app: WSGIApplication = wsgi(opened)
    return local_only(read_only(without_early_importances(app, opened)))


def without_early_importances(app: "WSGIApplication", storage: BaseStorage) -> "WSGIApplication":
    """Answer as for a study without trials where too few are complete to estimate the importance of settings."""

    def answer(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        match = _IMPORTANCES.fullmatch(environ.get("PATH_INFO", ""))
        if match is None or _complete_trials(storage, int(match[1])) >= IMPORTANCE_MIN_TRIALS:
            return app(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"param_importances": [[]]}']

    return answer


def _complete_trials(storage: BaseStorage, study: int) -> int:
    """Count the complete trials of a study; of one that does not exist the dashboard says so, whatever its number."""
    try:
        return len(storage.get_all_trials(study, deepcopy=False, states=(TrialState.COMPLETE,)))
    except KeyError:
        return IMPORTANCE_MIN_TRIALS


def local_only(app: "WSGIApplication") -> "WSGIApplication":
    """Refuse requests for another host: a page elsewhere whose name resolves to this machine must read nothing."""

    def answer(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        if is_local_host(environ.get("HTTP_HOST", "")):
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "application/json")])
        return [b'{"reason": "this dashboard answers requests for 127.0.0.1 and localhost only"}']

    return answer


def read_only(app: "WSGIApplication") -> "WSGIApplication":
    """Refuse every request that does not only read."""

    def answer(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return app(environ, start_response)
        text = b'{"reason": "this dashboard is read-only: change studies with the command ser study"}'
        start_response("405 Method Not Allowed", [("Content-Type", "application/json"), ("Allow", "GET, HEAD")])
        return [text]

    return answer


class _Server(ThreadingMixIn, WSGIServer):
    """Serves requests in parallel; the importance of parameters takes seconds."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing per request."""


def serve(app: "WSGIApplication", port: int, ready: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Args:
        app: The application.
        port: Port on 127.0.0.1; 0 for a free one.
        ready: Called with the address when it is served.

    Raises:
        StudyError: The port is in use.
    """
    try:
        server = make_server(HOST, port, app, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        raise StudyError(f"port {port} of {HOST} cannot be used ({error.strerror}); choose another port") from error
    with server:
        ready(f"http://{HOST}:{server.server_port}/dashboard")
        server.serve_forever()
