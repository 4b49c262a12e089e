"""Refusal of requests that do not come from this machine's own pages and programs."""

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from studies.monitoring.local_hosts import is_local_host


class LocalOnly:
    """Application that answers requests for this machine only, and none that pages of other origins send."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and (reason := _refusal(Headers(scope=scope))):
            await JSONResponse({"detail": reason}, status_code=403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _refusal(headers: Headers) -> str | None:
    host = headers.get("host", "")
    if not is_local_host(host):
        return "this server answers requests for 127.0.0.1 and localhost only"
    if headers.get("origin", f"http://{host}") != f"http://{host}":
        return "this server answers no requests of pages from elsewhere"
    return None
