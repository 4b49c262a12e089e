"""Serve MLflow's own pages, on this machine only."""

import os
import socket
import sys
from importlib.metadata import entry_points
from pathlib import Path

from ser.errors import StudyError
from studies.cli.arguments import find_study, open_home
from studies.cli.commands import UiOptions
from studies.cli.terminal.console import Console
from studies.cli.terminal.progress import print_message
from studies.search.session import find_experiment
from studies.storages.artifact_locations import hold_artifact_locations
from tracking.backend.client import connect
from tracking.backend.errors import redact_password
from tracking.backend.read_only_files import is_read_only, sqlite_url
from tracking.backend.views import APP_NAME, START_PAGE_VARIABLE, TRIALS, install_saved_views


def serve_ui(options: UiOptions) -> None:
    """Print the address of the newest study's runs, and serve it where no tracking server does.

    Raises:
        StudyError: There are no runs yet.
    """
    home = open_home(options)
    study = find_study(home, name=None)
    database = home.tracking_uri_or_path
    if study.location is None or (isinstance(database, Path) and not database.is_file()):
        raise StudyError(f"{database}: there are no runs yet; run a study first, such as: make study")
    experiment = study.location.experiment
    if isinstance(database, str) or not is_read_only(database):
        with hold_artifact_locations(home, print_message):
            client = connect(database)
            experiment = find_experiment(client, home, study, print_message)
            install_saved_views(client, experiment)
    page = f"#/experiments/{experiment}/{TRIALS.address}"
    if isinstance(database, str):
        Console().print(f"Runs: {redact_password(database).rstrip('/')}/{page}", soft_wrap=True)
        return
    check_app_is_installed()
    check_port_is_free(options.port)
    Console().print(f"Runs: http://127.0.0.1:{options.port}/{page}   (Ctrl-C stops the server)", soft_wrap=True)
    # One worker and no job runner: a sixth of the memory, and all that one user's browser needs.
    environment = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    # `python -m` would import a random.py of the working directory in place of Python's own.
    environment["PYTHONSAFEPATH"] = "1"
    environment[START_PAGE_VARIABLE] = page
    command = ["-m", "mlflow", "server", "--backend-store-uri", sqlite_url(database)]
    command += ["--host", "127.0.0.1", "--port", str(options.port), "--workers", "1"]
    command += ["--app-name", APP_NAME]
    # The server replaces this process, so that Ctrl-C and signals reach it and nothing else.
    os.execve(sys.executable, [sys.executable, *command], os.environ | environment)


def check_app_is_installed() -> None:
    """Refuse an installation that is older than its code: MLflow would not find the app that opens the runs.

    Raises:
        StudyError: It is.
    """
    if not entry_points(group="mlflow.app", name=APP_NAME):
        raise StudyError("this installation is older than its code; update it with: make setup (or pip install -e .)")


def check_port_is_free(port: int) -> None:
    """Refuse a port on which another server answers: its pages would show the runs of another home.

    Raises:
        StudyError: It is in use, or this user may not open it.
    """
    with socket.socket() as probe:
        # As the server itself does, so that connections of a server that has just ended are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise StudyError(
                f"port {port} of 127.0.0.1 cannot be used ({error.strerror}); choose another port: "
                f"ser ui --port {port + 1} (with make: PORT={port + 1})"
            ) from error
