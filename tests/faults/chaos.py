"""The fault campaign: studies whose processes are killed at random moments, until each ends as an undisturbed one.

    python -m tests.faults.chaos --rounds 50 [--seed 1]
    python -m tests.faults.chaos --outage-s 30

A round is a kill. Studies with one, two and four workers run on SQLite and on PostgreSQL, in turn. With a time, the
servers are killed instead, for that long (`tests.faults.chaos_outages`).
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults.chaos_ends import FOLDS, TRIALS, all_runs, assert_ended_as, has_members, results
from tests.support.corpora import write_emodb
from tests.support.postgresql import PostgresqlServer, binaries, empty_database

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

    from studies.storages.home import Home
    from tests.faults.chaos_process import Kill

STEMS = [f"{speaker}a01{letter}a" for speaker in ("03", "08", "09", "10") for letter in "WLEAFTN"]
WORKERS = (1, 2, 4)
EPOCHS = 4
_LONG_S = 300.0
_ORPHANS_S = 30.0
_WRITES_OF_A_FOLD = 7


@dataclass
class Tally:
    """What a campaign has seen.

    Attributes:
        kills: Kills by victim, signal and phase.
        studies: Studies that ended as an undisturbed one, by storage and workers.
        took_over_s: Times from a coordinator's death to the next one's first hand-out.
        replaced_s: Times from a worker's death to the first epoch of its fold elsewhere.
        orphans_s: Times for which workers outlived their coordinator.
    """

    kills: Counter[str] = field(default_factory=Counter)
    studies: Counter[str] = field(default_factory=Counter)
    took_over_s: list[float] = field(default_factory=list)
    replaced_s: list[float] = field(default_factory=list)
    orphans_s: list[float] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        """Kills so far."""
        return sum(self.kills.values())

    def lines(self) -> list[str]:
        """The tally in words."""
        told = [f"{self.rounds} kills: " + ", ".join(f"{number} {kind}" for kind, number in sorted(self.kills.items()))]
        told.append(
            f"{sum(self.studies.values())} studies ended as the undisturbed one, to the last digit: "
            + ", ".join(f"{number} x {kind}" for kind, number in sorted(self.studies.items()))
        )
        for what, times in (
            ("from a coordinator's death to the next one's first hand-out, Python being warm", self.took_over_s),
            ("from a worker's death to the first epoch of its fold anew", self.replaced_s),
            ("workers outlived a killed coordinator for", self.orphans_s),
        ):
            if times:
                told.append(f"{what}: median {statistics.median(times):.1f} s, max {max(times):.1f} s ({len(times)})")
        told.append("0 folds lost, 0 doubled, 0 runs left RUNNING")
        return told


class Campaign:
    """Kills studies.

    Args:
        folder: An empty folder for everything.
        seed: Seed of all choices.
        epochs: Epochs of every fold.
        empty: An empty MLflow database; None to make one.
    """

    def __init__(self, folder: Path, seed: int, epochs: int = EPOCHS, empty: Path | None = None) -> None:
        from studies.execution.worker_processes import PRELOADED
        from tracking.backend.client import connect

        self._folder = folder
        self._choose = random.Random(seed)
        self._context = multiprocessing.get_context("forkserver")
        # One server for all of a process: other tests' workers are forked from it, too.
        self._context.set_forkserver_preload([*PRELOADED, "tests.faults.chaos_process"])
        self._corpus = folder / "emodb"
        self._epochs = epochs
        self.empty = folder / "empty.db" if empty is None else empty
        self.tally = Tally()
        write_emodb(self._corpus, STEMS)
        if empty is None:
            connect(self.empty)
        undisturbed = self.home("undisturbed")
        code, notes = self.end(self.begin(undisturbed, workers=2), undisturbed)
        assert code == 0, notes
        self._expected = results(undisturbed)

    def study(self, name: str, workers: int, storage: str | None, kills: int) -> None:
        """Runs one study, with so many kills in the hope that it lasts long enough, and compares its end."""
        self.study_killed_at(name, workers, storage, [self._kill(attempt) for attempt in range(kills)])

    def study_killed_at(self, name: str, workers: int, storage: str | None, kills: Sequence["Kill"]) -> None:
        """Runs one study, killed once in each of its starts but the last, and compares its end."""
        home = self.home(name, storage)
        died_s: float | None = None
        for kill in (*kills, None):
            code, notes = self.end(self.begin(home, workers, kill), home)
            seen = {note["event"]: note["at_s"] for note in notes}
            if died_s is not None and "took over" in seen:
                self.tally.took_over_s.append(seen["took over"] - died_s)
                died_s = None
            if kill is not None and "killed" in seen:
                when = "between writes" if kill.write == 0 else f"{kill.phase} a write"
                self.tally.kills[f"{kill.victim} {kill.number.name} {when}"] += 1
                if kill.victim != "worker":
                    died_s = seen["killed"]
                if "worker replaced" in seen:
                    self.tally.replaced_s.append(seen["worker replaced"] - seen["killed"])
            self._check_end(home, kill, code, notes)
            if code == 0:
                break
        assert code == 0, notes
        self.compare(home)
        self.tally.studies[f"{'SQLite' if storage is None else 'PostgreSQL'}, {workers} workers"] += 1
        shutil.rmtree(home.root)

    def home(self, name: str, storage: str | None = None, tracking: str | None = None) -> "Home":
        """A home for one study, with an empty MLflow database."""
        from studies.storages.home import Home

        root = self._folder / name
        root.mkdir()
        shutil.copyfile(self.empty, root / "mlflow.db")
        return Home(root, storage, tracking)

    def begin(self, home: "Home", workers: int, kill: "Kill | None" = None) -> "ForkServerProcess":
        """Starts a study in a process of its own."""
        from tests.faults.chaos_process import coordinate

        notes_of(home).write_text("")
        arguments = (self._corpus, home, self._epochs, workers, kill, notes_of(home))
        process = self._context.Process(target=coordinate, args=arguments)
        process.start()
        return process

    def end(self, process: "ForkServerProcess", home: "Home") -> tuple[int, list[dict[str, Any]]]:
        """Waits for a study's end; returns its exit code and what it noted. No process of it is left afterwards."""
        assert process.pid is not None
        process.join(_LONG_S)
        if process.exitcode is None:
            process.kill()
            raise AssertionError(f"it hangs: {notes_of(home).read_text()}")
        self._await_orphans(process.pid)
        return process.exitcode, noted(home)

    def compare(self, home: "Home") -> None:
        """Compares a study's end with the undisturbed one's."""
        assert_ended_as(home, self._expected, self._epochs)

    def _kill(self, attempt: int) -> "Kill":
        """A kill at a random moment; writes of the first start are more, since much is there to be done."""
        from tests.faults.chaos_process import Kill

        choose = self._choose
        most = _WRITES_OF_A_FOLD * TRIALS * FOLDS // (attempt + 1)
        at_a_write = choose.random() < 0.75
        return Kill(
            victim=choose.choice(("worker", "coordinator", "all")),
            number=choose.choice((signal.SIGKILL, signal.SIGTERM)),
            write=choose.randint(1, most) if at_a_write else 0,
            phase=choose.choice(("before", "during", "after")),
            epoch=choose.randint(1, EPOCHS * TRIALS * FOLDS // (2 * (attempt + 1))),
            delay_s=choose.uniform(0, 0.02),
        )

    def _await_orphans(self, group: int) -> None:
        """Workers end by themselves after their coordinator."""
        began = time.monotonic()
        while has_members(group):
            assert time.monotonic() < began + _ORPHANS_S, "workers outlive their coordinator"
            time.sleep(0.05)
        if time.monotonic() > began + 0.04:
            self.tally.orphans_s.append(time.monotonic() - began)

    def _check_end(self, home: "Home", kill: "Kill | None", code: int, notes: list[dict[str, Any]]) -> None:
        """What must hold at every end of a start."""
        if kill is None or kill.victim == "worker":
            assert code == 0, (kill, code, notes)
        elif code != 0:
            assert code in (-kill.number, 128 + kill.number), (kill, code, notes)
        # One that ends before it takes over has not yet opened what an earlier kill left RUNNING.
        if code == 128 + signal.SIGTERM and any(note["event"] == "took over" for note in notes):
            left = [run for run in all_runs(home) if run.info.status == "RUNNING"]
            assert not left, "a study that was asked to end left runs RUNNING"


def notes_of(home: "Home") -> Path:
    """Where a study's process notes what happens."""
    return home.root / "notes"


def noted(home: "Home") -> list[dict[str, Any]]:
    """What a study's process has noted so far."""
    return [json.loads(line) for line in notes_of(home).read_text().splitlines()]


@contextmanager
def postgresql() -> Iterator[str | None]:
    """The server that SER_TEST_POSTGRES names, else one of its own, else None where PostgreSQL is not installed."""
    if os.environ.get("SER_TEST_POSTGRES") or binaries() is None:
        yield os.environ.get("SER_TEST_POSTGRES")
        return
    folder = Path(tempfile.mkdtemp(prefix="ser-postgresql-"))
    server = PostgresqlServer(folder)
    server.make()
    server.start()
    try:
        yield server.url
    finally:
        server.stop()
        shutil.rmtree(folder)


def run(campaign: Campaign, rounds: int, server: str | None, kills: int = 4) -> None:
    """Runs studies of every kind in turn until there were so many kills."""
    kinds = list(product(WORKERS, (False, True) if server else (False,)))
    for number in range(10**6):
        if campaign.tally.rounds >= rounds:
            return
        workers, shared = kinds[number % len(kinds)]
        wanted = min(kills, rounds - campaign.tally.rounds)
        if shared and server is not None:
            with empty_database(server) as database:
                campaign.study(f"study-{number}", workers, database, wanted)
        else:
            campaign.study(f"study-{number}", workers, None, wanted)
        print(f"{campaign.tally.rounds} of {rounds} kills", file=sys.stderr, flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Kill studies at random moments; see that nothing is lost.")
    parser.add_argument("--rounds", type=int, default=50, help="number of kills")
    parser.add_argument("--seed", type=int, default=1, help="seed of all choices")
    parser.add_argument(
        "--outage-s", type=float, help="kill MLflow's server and PostgreSQL instead, for so many seconds"
    )
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ser-chaos-"))
    began = time.monotonic()
    if arguments.outage_s is None:
        for line in (*_kills(folder, arguments.seed, arguments.rounds), f"seed {arguments.seed}"):
            print(line)
    else:
        from tests.faults.chaos_outages import outages

        for line in outages(folder, arguments.outage_s):
            print(line, flush=True)
    print(f"{time.monotonic() - began:.0f} s")
    # After a failed assertion it stays, to be looked at.
    shutil.rmtree(folder)


def _kills(folder: Path, seed: int, rounds: int) -> list[str]:
    """Runs the campaign of kills, and returns its tally in words."""
    with postgresql() as server:
        if server is None:
            print("without PostgreSQL, which is not installed: SQLite alone")
        campaign = Campaign(folder, seed)
        run(campaign, rounds, server)
    return campaign.tally.lines()


if __name__ == "__main__":
    main()
