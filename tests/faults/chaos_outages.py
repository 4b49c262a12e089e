"""Outages: MLflow's server and PostgreSQL are killed in the middle of a study, and come back after a while, or not.

`python -m tests.faults.chaos --outage-s 30` runs them; the study has two workers and trains for about as long as the
outage.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil

from ser.errors import UnavailableError
from studies.storages.home import Home
from tests.faults.chaos import EPOCHS, Campaign, noted
from tests.faults.chaos_ends import FOLDS, TRIALS
from tests.support.mlflow_server import MlflowServer
from tests.support.postgresql import PostgresqlServer, binaries

WORKERS = 2
_FOLDS_BEFORE = 2
_EPOCHS_A_SECOND = 10
"""Epochs of a fold for each second of an outage, so that folds are trained through most of it."""

_LONG_S = 300.0


@dataclass(frozen=True)
class Servers:
    """The servers of a study, running.

    Attributes:
        tracking: MLflow's.
        postgresql: PostgreSQL's.
    """

    tracking: MlflowServer
    postgresql: PostgresqlServer

    def victims(self, name: str) -> list[MlflowServer | PostgresqlServer]:
        """Those that a name stands for: 'MLflow', 'PostgreSQL' or 'both'."""
        every: dict[str, MlflowServer | PostgresqlServer] = {"MLflow": self.tracking, "PostgreSQL": self.postgresql}
        return [server for each, server in every.items() if name in (each, "both")]


@contextmanager
def servers(tracking: Path, empty_store: Path) -> Iterator[Servers]:
    """A tracking server and a PostgreSQL server, both empty, for the time of the block.

    Args:
        tracking: Folder of the tracking server, which is made.
        empty_store: An empty MLflow database.
    """
    # PostgreSQL's account may not enter the folder of the campaign.
    own = Path(tempfile.mkdtemp(prefix="ser-postgresql-"))
    made = Servers(MlflowServer.over_copy(tracking, empty_store), PostgresqlServer(own))
    made.postgresql.make()
    made.postgresql.start()
    made.tracking.start()
    try:
        yield made
    finally:
        made.tracking.kill()
        # In the middle of an outage it is not there.
        with suppress(psutil.NoSuchProcess):
            made.postgresql.kill()
        shutil.rmtree(own)


def outage(campaign: Campaign, victims: str, outage_s: float | None) -> str:
    """Runs a study through an outage, and compares its end with the undisturbed one's.

    Args:
        campaign: The campaign.
        victims: Who is killed: 'MLflow', 'PostgreSQL' or 'both'.
        outage_s: How long they are away, in seconds; None for longer than the study waits for them, after which it
            is started again.

    Returns:
        What was seen, in one line.
    """
    name = f"{victims} for ever" if outage_s is None else f"{victims} for {outage_s:g} s"
    home = campaign.home(name.replace(" ", "-"))
    with servers(home.root / "server", campaign.empty) as made:
        home = replace(home, storage_url=made.postgresql.url, tracking_uri=made.tracking.url)
        process = campaign.begin(home, WORKERS)
        _await_folds(home, process)
        for server in made.victims(victims):
            server.kill()
        assert process.exitcode is None, "the study ended before its servers were killed"
        killed_s = time.time()
        if outage_s is not None:
            time.sleep(outage_s)
            back_s = time.time()
            _start(made, victims)
            code, notes = campaign.end(process, home)
            assert code == 0, notes
            ended = f"it ended {time.time() - back_s:.0f} s after they were started again"
        else:
            code, notes = campaign.end(process, home)
            back_s = time.time()
            assert code == UnavailableError.exit_code, notes
            errors = [note["event"] for note in notes if note["event"].startswith("error: ")]
            assert len(errors) == 1, notes
            stored = sum(1 for _ in home.results.glob("*.safetensors"))
            _start(made, victims)
            code_again, again = campaign.end(campaign.begin(home, WORKERS), home)
            assert code_again == 0, again
            assert _count(again, "fold ended") == 0, again
            ended = (
                f"it ended by itself after {back_s - killed_s:.0f} s with one line and exit code {code}, "
                f"{stored} results on disk; the next start trained 0 folds"
            )
        assert _count(notes, "fold ended") == TRIALS * FOLDS, notes
        trained = _count([note for note in notes if killed_s <= note["at_s"] <= back_s], "fold ended")
        said = [note["event"] for note in notes if note["event"].startswith("said: ")]
        assert said, "it has noticed nothing"
        campaign.compare(home)
    return f"{name}: {trained} folds trained meanwhile, {ended}; {len(said)} lines said; table equal, nothing doubled"


def outages(folder: Path, outage_s: float) -> Iterator[str]:
    """Runs every outage, each with a study of its own.

    Args:
        folder: An empty folder for everything.
        outage_s: How long servers are away, in seconds.

    Yields:
        What was seen, one line an outage.
    """
    if binaries() is None:
        yield "PostgreSQL is not installed: no outage was tried"
        return
    campaign = Campaign(folder, seed=1, epochs=max(EPOCHS, round(_EPOCHS_A_SECOND * outage_s)))
    for victims, lasts_s in (("MLflow", outage_s), ("PostgreSQL", outage_s), ("both", outage_s), ("both", None)):
        yield outage(campaign, victims, lasts_s)


def _start(made: Servers, victims: str) -> None:
    for server in made.victims(victims):
        server.start()


def _count(notes: list[dict[str, Any]], event: str) -> int:
    return sum(note["event"] == event for note in notes)


def _await_folds(home: Home, process: BaseProcess) -> None:
    """Waits until a study has trained its first folds."""
    until = time.monotonic() + _LONG_S
    while _count(noted(home), "fold ended") < _FOLDS_BEFORE:
        assert process.is_alive(), f"it ended before anything was killed: {noted(home)}"
        assert time.monotonic() < until
        time.sleep(0.02)
