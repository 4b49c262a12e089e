"""Serve Optuna's own pages, on this machine only."""

from contextlib import suppress

from ser.errors import StudyError
from studies.cli.arguments import open_home
from studies.cli.commands import DashboardOptions
from studies.cli.terminal.console import Console
from studies.monitoring.dashboard import dashboard_app, serve


def serve_dashboard(options: DashboardOptions) -> None:
    """Serve the studies until Ctrl-C.

    Raises:
        StudyError: There are no studies yet.
    """
    storage = open_home(options).storage
    if not storage.exists():
        raise StudyError(f"{storage.title}: there are no studies yet; run one first, such as: make study")

    def print_address(address: str) -> None:
        Console().print(f"Studies: {address}   (Ctrl-C stops the server)", soft_wrap=True)

    with suppress(KeyboardInterrupt):
        serve(dashboard_app(storage), options.port, print_address)
