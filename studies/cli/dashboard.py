"""`ser dashboard`: Optuna's own pages over the studies, on this machine only."""

from typing import Annotated

import typer

from studies.cli.options import HOME, HomeOption, StorageOption


def dashboard(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8080,
    home: HomeOption = HOME,
    storage: StorageOption = None,
) -> None:
    """Serve Optuna's dashboard on 127.0.0.1: history, parameters and their importance. End it with Ctrl-C.

    It shows and changes nothing. Its values are mean validation UA, which steers a search; what is
    reported stands in the report.
    """
    from contextlib import suppress

    from rich.console import Console

    from ser.errors import StudyError
    from studies.monitoring.dashboard import dashboard_app, serve
    from studies.storages.home import Home

    place = Home(home, storage)
    if not place.storage.exists():
        raise StudyError(f"{place.storage.title}: there are no studies yet; run one first, such as: make study")

    def ready(address: str) -> None:
        Console().print(f"Studies: {address}   (Ctrl-C ends the server)", soft_wrap=True)

    with suppress(KeyboardInterrupt):
        serve(dashboard_app(place.storage), port, ready)
