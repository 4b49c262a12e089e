"""Body of `ser serve`."""

import socket
from contextlib import suppress
from importlib.util import find_spec

import uvicorn

from ser.errors import ConfigurationError
from ser.inference.timeline.speech import SpeechDetector
from studies.cli.model.commands import ServeOptions
from studies.cli.terminal.console import Console
from studies.cli.terminal.progress import print_message
from studies.models.opening import open_model
from studies.monitoring.local_hosts import HOST
from studies.serving.app import make_app
from studies.serving.limits import ServerLimits
from studies.storages.home import Home


def serve(options: ServeOptions) -> None:
    """Serve a model until Ctrl-C.

    Raises:
        ModelError: There is no model.
        ConfigurationError: A package is missing, or the port is in use.
    """
    if find_spec("python_multipart") is None:
        raise ConfigurationError(
            "ser serve needs the package python-multipart; install it with: pip install 'ser-studies[serve]'"
        )
    listener = _listen(options.port)
    home = Home(options.home, tracking_uri=options.tracking)
    model = open_model(home, options.model, options.encoder, print_message)
    limits = ServerLimits(options.max_upload_mb, options.max_duration_s, options.max_requests)
    app = make_app(model, SpeechDetector(), limits)
    port = listener.getsockname()[1]
    Console().print(f"Listening: http://{HOST}:{port}/   (Ctrl-C stops the server)", soft_wrap=True)
    server = uvicorn.Server(uvicorn.Config(app, ws="none", log_level="warning", server_header=False))
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    """Open the port before anything is loaded.

    Raises:
        ConfigurationError: It is in use, or this user may not open it.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"port {port} of {HOST} cannot be used ({error.strerror}); choose another one by --port"
        ) from error
    return listener
