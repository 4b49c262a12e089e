"""The fault campaign: studies whose processes are killed at random moments, until each ends as an undisturbed one.

    python -m tests.studies.chaos --rounds 50 [--seed 1]

A round is a kill. Studies with one, two and four workers run on SQLite and on PostgreSQL, in turn.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.corpus_files import write_emodb
from tests.postgresql import PostgresqlServer, binaries, empty_database

if TYPE_CHECKING:
    from tests.studies.chaos_process import Kill

STEMS = [f"{speaker}a01{letter}a" for speaker in ("03", "08", "09", "10") for letter in "WLEAFTN"]
TRIALS, FOLDS = 2, 4
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
    """

    def __init__(self, folder: Path, seed: int) -> None:
        from tracking.connection import open_tracking

        self._folder = folder
        self._choose = random.Random(seed)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.studies.chaos_process"])
        self._corpus = folder / "emodb"
        self._empty = folder / "empty.db"
        self.tally = Tally()
        write_emodb(self._corpus, STEMS)
        open_tracking(self._empty)
        undisturbed = self._home("undisturbed")
        assert self._start(undisturbed, None, 2, None)[0] == 0, (undisturbed / "notes").read_text()
        self._expected = results(undisturbed, None)

    def study(self, name: str, workers: int, storage: str | None, kills: int) -> None:
        """Runs one study, with so many kills in the hope that it lasts long enough, and compares its end."""
        home = self._home(name)
        died_s: float | None = None
        for attempt in range(kills + 1):
            kill = self._kill(attempt) if attempt < kills else None
            code, notes = self._start(home, storage, workers, kill)
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
            self._check_end(home, storage, kill, code, notes)
            if code == 0:
                break
        assert code == 0, notes
        self._compare(home, storage)
        self.tally.studies[f"{'SQLite' if storage is None else 'PostgreSQL'}, {workers} workers"] += 1
        shutil.rmtree(home)

    def _home(self, name: str) -> Path:
        home = self._folder / name
        home.mkdir()
        shutil.copyfile(self._empty, home / "mlflow.db")
        return home

    def _kill(self, attempt: int) -> "Kill":
        """A kill at a random moment; writes of the first start are more, since much is there to be done."""
        from tests.studies.chaos_process import Kill

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

    def _start(
        self, home: Path, storage: str | None, workers: int, kill: "Kill | None"
    ) -> tuple[int, list[dict[str, Any]]]:
        """Starts the study once; returns its exit code and what it noted. No process of it is left afterwards."""
        from tests.studies.chaos_process import coordinate

        notes = home / "notes"
        notes.write_text("")
        process = self._context.Process(target=coordinate, args=(self._corpus, home, storage, workers, kill, notes))
        process.start()
        process.join(_LONG_S)
        assert process.exitcode is not None, f"it hangs: {kill}"
        assert process.pid is not None
        self._await_orphans(process.pid)
        return process.exitcode, [json.loads(line) for line in notes.read_text().splitlines()]

    def _await_orphans(self, group: int) -> None:
        """Workers end by themselves after their coordinator."""
        began = time.monotonic()
        while _has_members(group):
            assert time.monotonic() < began + _ORPHANS_S, "workers outlive their coordinator"
            time.sleep(0.05)
        if time.monotonic() > began + 0.04:
            self.tally.orphans_s.append(time.monotonic() - began)

    def _check_end(
        self, home: Path, storage: str | None, kill: "Kill | None", code: int, notes: list[dict[str, Any]]
    ) -> None:
        """What must hold at every end of a start."""
        if kill is None or kill.victim == "worker":
            assert code == 0, (kill, code, notes)
        elif code != 0:
            assert code in (-kill.number, 128 + kill.number), (kill, code, notes)
        # One that ends before it takes over has not yet opened what an earlier kill left RUNNING.
        if code == 128 + signal.SIGTERM and any(note["event"] == "took over" for note in notes):
            assert not _open_runs(home, storage), "a study that was asked to end left runs RUNNING"

    def _compare(self, home: Path, storage: str | None) -> None:
        from studies.reconciliation_check import check_study
        from studies.summaries import summaries

        place = _place(home, storage)
        found = results(home, storage)
        assert found == self._expected
        (summary,) = summaries(place.storage)
        checked = check_study(place, summary, repair=False)
        assert (checked.findings, checked.trials_open, checked.waiting) == ((), 0, 0)
        runs = _all_runs(home, storage)
        kinds = Counter(run.data.tags["ser.kind"] for run in runs)
        assert kinds == {"study": 1, "trial": TRIALS, "fold": TRIALS * FOLDS}, kinds
        assert {run.info.status for run in runs} == {"FINISHED"}
        identities = {run.data.tags.get("ser.fold_identity") for run in runs} - {None}
        assert len(identities) == TRIALS * FOLDS
        assert not any(run.data.tags.get("ser.superseded") for run in runs)


def results(home: Path, storage: str | None) -> tuple[Any, ...]:
    """The final table, to the last digit, times apart, and what the search knows."""
    from studies.search import Search
    from studies.summaries import summaries
    from tests.ser.toy import without_times
    from tests.tracking.kept import trial_results
    from tracking.connection import open_tracking
    from tracking.reading import Reader

    place = _place(home, storage)
    (summary,) = summaries(place.storage)
    where = summary.whereabouts
    assert where is not None
    search = Search.open(place.storage, summary.name, summary.plan)
    client = open_tracking(place.tracking)
    table = Reader(client, where.experiment, where.corpus_digest, where.scheme).table()
    kept = trial_results(client, where.experiment)
    trials = {trial.trial_id: [without_times(fold) for fold in trial.folds] for trial in kept}
    states = sorted(trial.state.name for group in search.trials().values() for trial in group)
    return trials, table.baselines, table.notes, search.values(), states


def _place(home: Path, storage: str | None) -> Any:
    from studies.home import Home

    return Home(home, storage, None)


def _all_runs(home: Path, storage: str | None) -> list[Any]:
    """Every run of the study's experiment, superseded ones too."""
    from tracking.connection import open_tracking

    client = open_tracking(_place(home, storage).tracking)
    experiments = [each.experiment_id for each in client.search_experiments() if each.name != "Default"]
    return list(client.search_runs(experiments, max_results=1000)) if experiments else []


def _open_runs(home: Path, storage: str | None) -> list[Any]:
    return [run for run in _all_runs(home, storage) if run.info.status == "RUNNING"]


def _has_members(group: int) -> bool:
    """Whether a process group has a process that is no zombie."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[2]) == group and fields[0] != "Z":
                return True
    return False


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
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ser-chaos-"))
    began = time.monotonic()
    with postgresql() as server:
        if server is None:
            print("without PostgreSQL, which is not installed: SQLite alone")
        campaign = Campaign(folder, arguments.seed)
        run(campaign, arguments.rounds, server)
    print("\n".join(campaign.tally.lines()))
    print(f"seed {arguments.seed}, {time.monotonic() - began:.0f} s")
    # After a failed assertion it stays, to be looked at.
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
