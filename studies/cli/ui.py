"""`ser ui`: MLflow's own pages over the runs, on this machine only."""

from pathlib import Path
from typing import Annotated

import typer


def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000,
    home: Annotated[Path, typer.Option("--home", help="Folder of results and reports.", envvar="SER_HOME")] = Path(
        "data"
    ),
) -> None:
    """Open the MLflow UI on 127.0.0.1, at the tables of runs. End it with Ctrl-C."""
    import os
    import sys

    from rich.console import Console

    from ser.errors import StudyError
    from studies.home import Home

    database = Home(home).mlflow_database
    if not database.is_file():
        raise StudyError(f"{database}: there are no runs yet; run a study first: ser study run --attention none")
    address = f"http://127.0.0.1:{port}/#/experiments?workflowType=machine_learning"
    Console().print(f"MLflow UI: {address}   (Ctrl-C ends it)", soft_wrap=True)
    # One worker and no job runner: a sixth of the memory, and all that one user's browser needs.
    environment = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    store = f"sqlite:///{database.resolve()}"
    command = ["-m", "mlflow", "server", "--backend-store-uri", store]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    os.execve(sys.executable, [sys.executable, *command], os.environ | environment)
