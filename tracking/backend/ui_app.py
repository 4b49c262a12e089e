"""MLflow's server with one page of its own: the bare address opens the runs of a view.

MLflow opens its pages for language models there, and has no setting for it. `mlflow server --app-name ser-studies`
finds this module by the entry point of the group `mlflow.app` in `pyproject.toml`.
"""

import json
import os
from pathlib import Path

from mlflow.server import app as flask_app
from mlflow.server.fastapi_app import app
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from tracking.backend.views import START_PAGE_VARIABLE


def open_page(index: str, page: str) -> str:
    """Let MLflow's index open a page where its address names none.

    Args:
        index: MLflow's index.html.
        page: Fragment of the address, such as '#/experiments/1/runs'.

    Raises:
        ValueError: The index has no head, as that of a later MLflow might.
    """
    if "<head>" not in index:
        raise ValueError("MLflow's index.html has no <head>, in which to open the runs")
    fragment = json.dumps(page).replace("<", "\\u003c")
    # Before MLflow's own scripts read the address. An address with a page of its own stays.
    script = f"<script>if (location.hash.length < 3) history.replaceState(null, '', {fragment})</script>"
    return index.replace("<head>", f"<head>{script}", 1)


_INDEX = open_page(
    (Path(str(flask_app.static_folder)) / "index.html").read_text(encoding="utf-8"),
    os.environ.get(START_PAGE_VARIABLE, ""),
)


async def _serve_index(request: Request) -> HTMLResponse:
    return HTMLResponse(_INDEX)


# Before MLflow's own route, and behind its checks of hosts.
app.router.routes.insert(0, Route("/", _serve_index))
