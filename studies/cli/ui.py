"""`ser ui`: MLflow's own pages over the runs, on this machine only."""

from typing import Annotated

import typer

from studies.cli.options import HOME, HomeOption, StorageOption, TrackingOption


def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000,
    home: HomeOption = HOME,
    storage: StorageOption = None,
    tracking: TrackingOption = None,
) -> None:
    """Serve the MLflow UI on 127.0.0.1, and say where the newest study's runs are. End it with Ctrl-C.

    Where a tracking server keeps the runs it serves its own pages, and only their address is said.
    """
    import os
    import sys
    from pathlib import Path

    from rich.console import Console

    from ser.errors import StudyError
    from studies.cli.arguments import find_study
    from studies.storages.home import Home
    from tracking.backend.client import connect
    from tracking.backend.errors import redact_password
    from tracking.backend.views import TRIALS, install_saved_views

    place = Home(home, storage, tracking)
    where = find_study(place, name=None, corpus=None).whereabouts
    database = place.tracking_uri_or_path
    if where is None or (isinstance(database, Path) and not database.is_file()):
        raise StudyError(f"{database}: there are no runs yet; run a study first, such as: make study")
    client = connect(database)
    install_saved_views(client, where.experiment)
    page = f"#/experiments/{where.experiment}/{TRIALS.address}"
    if isinstance(database, str):
        Console().print(f"Runs: {redact_password(database).rstrip('/')}/{page}", soft_wrap=True)
        return
    address = f"http://127.0.0.1:{port}/{page}"
    Console().print(f"Runs: {address}   (Ctrl-C ends the server)", soft_wrap=True)
    # One worker and no job runner: a sixth of the memory, and all that one user's browser needs.
    environment = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    store = f"sqlite:///{database.resolve()}"
    command = ["-m", "mlflow", "server", "--backend-store-uri", store]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    # The server takes this process's place, so that Ctrl-C and signals reach it and nothing else.
    os.execve(sys.executable, [sys.executable, *command], os.environ | environment)
