"""Proxy with a login between a study and a tracking server, which answers badly at chosen requests."""

import base64
import http.client
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from typing_extensions import override

CODES = {"500": 500, "502": 502, "503": 503, "429": 429, "401": 401}
CUT_BODY, LOGIN_PAGE = "body cut short", "HTML with 200"
WAYS = (*CODES, CUT_BODY, LOGIN_PAGE)
"""Ways of answering badly."""

_PAGE = b"<html><body>Please sign in.</body></html>"
_NOT_PASSED_ON = ("connection", "transfer-encoding", "content-length", "keep-alive", "server", "date")


@dataclass(frozen=True)
class BadAnswer:
    """Bad answer to a request.

    Attributes:
        way: One of `WAYS`.
        passed_on: Whether the server gets the request first, so that only its answer is lost.
    """

    way: str
    passed_on: bool


class BadProxy:
    """Proxy on a free port of 127.0.0.1; as a context, one that runs while the block does.

    Args:
        server: URL of the tracking server.
        user: Name that requests must give.
        password: Password that requests must give.
    """

    def __init__(self, server: str, user: str, password: str) -> None:
        self._server = _ProxyServer(server, f"{user}:{password}")
        self.url = f"http://{user}:{password}@127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "BadProxy":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def schedule(self, answers: Mapping[int, BadAnswer]) -> None:
        """Count requests from 0 again, and answer some of them badly.

        Args:
            answers: Bad answers, by number of the request.
        """
        with self._server.lock:
            self._server.requests = 0
            self._server.answers = dict(answers)
            self._server.bad_answers.clear()

    @property
    def requests(self) -> int:
        """Requests since the last schedule."""
        return self._server.requests

    @property
    def bad_answers(self) -> Counter[str]:
        """Bad answers that were sent since the last schedule, by way."""
        with self._server.lock:
            return Counter(self._server.bad_answers)


class _ProxyServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: str, login: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = str(urlsplit(target).netloc)
        self.authorization = f"Basic {base64.b64encode(login.encode()).decode()}"
        self.lock = threading.Lock()
        self.requests = 0
        self.answers: dict[int, BadAnswer] = {}
        self.bad_answers: Counter[str] = Counter()

    def next_answer(self) -> BadAnswer | None:
        """Count a request, and return its bad answer if it gets one."""
        with self.lock:
            answer = self.answers.pop(self.requests, None)
            self.requests += 1
        return answer

    def count_sent(self, way: str) -> None:
        """Count a bad answer whose last byte was sent."""
        with self.lock:
            self.bad_answers[way] += 1

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a client that was killed, or a server that is down, ends a connection at any moment."""


class _Handler(BaseHTTPRequestHandler):
    server: _ProxyServer

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers["Authorization"] != self.server.authorization:
            self._send(403, b"a wrong login", {})
            return
        bad = self.server.next_answer()
        if bad is not None and not bad.passed_on:
            self._send_bad(bad.way, 200, _PAGE, {})
            return
        code, body, headers = self._pass_on(content)
        if bad is not None:
            self._send_bad(bad.way, code, body, headers)
        else:
            self._send(code, body, headers)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815

    def _pass_on(self, content: bytes) -> tuple[int, bytes, Mapping[str, str]]:
        """Send the request to the server; return the code, the body and the headers of its answer."""
        headers = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
        connection = http.client.HTTPConnection(self.server.target, timeout=60)
        try:
            connection.request(self.command, self.path, content, headers)
            response = connection.getresponse()
            return response.status, response.read(), dict(response.getheaders())
        finally:
            connection.close()

    def _send_bad(self, way: str, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        if way == CUT_BODY:
            # An empty body is cut short, too, where a byte is promised.
            self._send(code, body[: len(body) // 2], headers, promised=max(len(body), 1))
        else:
            self._send(CODES.get(way, 200), _PAGE, {"Content-Type": "text/html"})
        self.server.count_sent(way)

    def _send(self, code: int, body: bytes, headers: Mapping[str, str], promised: int | None = None) -> None:
        self.send_response(code)
        for name, value in headers.items():
            if name.lower() not in _NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing per request."""
