"""Campaigns of studies that are disturbed at random moments, and compared with an undisturbed one.

    python -m benchmarks.outages.campaign answers [--studies 10] [--seed 1]
    python -m benchmarks.outages.campaign postgresql [--studies 10] [--seed 1]

`answers`: a proxy with a login answers each study's requests badly in seven ways. `postgresql`: MLflow's server and the
studies' trials are on PostgreSQL, which is killed once in each study, and started again after `OUTAGE_S`.
"""

import argparse
import base64
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from mlflow.tracking import MlflowClient

from benchmarks.outages.bad_proxy import WAYS, BadAnswer, BadProxy
from benchmarks.outages.study import (
    UNAVAILABLE,
    Command,
    find_faults,
    places_of,
    report_tables,
    runs_of,
    study_arguments,
    write_corpus,
)
from tests.support.mlflow_server import MlflowServer
from tests.support.postgresql import PASSWORD, PostgresqlServer, empty_database

USER, LOGIN = "bob", "s3cr3t-0f-the-proxy"
OUTAGE_S = 5.0
SERVER_OPTIONS = (
    *("--workers", "2"),
    *("--gunicorn-opts", "--worker-class gthread --threads 8 --keep-alive 60 --graceful-timeout 5"),
)
"""Options of docs/storage.md, for two cores."""

_LONGEST_WINDOW = 3
# A start can end at every bad answer.
_MOST_STARTS = 1 + len(WAYS) * _LONGEST_WINDOW


@dataclass
class Tally:
    """Counts over the studies of a campaign.

    Attributes:
        starts: Starts of studies, by exit code.
        disturbances: Disturbances, by kind.
        faults: What was lost, doubled, different or told, in words.
    """

    starts: Counter[int] = field(default_factory=Counter)
    disturbances: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Surroundings:
    """Servers of a campaign, running.

    Attributes:
        tracking: URL of the tracking server, without anything between.
        variables: Environment of the studies beyond the usual one.
        secrets: What must be told nowhere.
        logs: Folders of the servers that the secrets are searched in.
    """

    tracking: str
    variables: Mapping[str, str]
    secrets: tuple[str, ...]
    logs: tuple[Path, ...]


class Campaign:
    """Runs studies and checks their ends.

    Args:
        folder: An empty folder.
        surroundings: The servers.
    """

    def __init__(self, folder: Path, surroundings: Surroundings) -> None:
        self.folder = folder
        self.tally = Tally()
        self.surroundings = surroundings
        self._corpus = write_corpus(folder / "corpus")
        self._client = MlflowClient(surroundings.tracking)
        self._expected: Mapping[str, object] = {}

    def start(self, name: str) -> Command:
        """Start a study, or the same one again."""
        return Command(study_arguments(self._corpus, name), self._environment(name))

    def run_undisturbed(self, name: str) -> float:
        """Run the study that all others are compared with; return its duration from its first write to MLflow, in s."""
        command = self.start(name)
        self.await_experiment(command, name)
        began_s = time.monotonic()
        ended = command.wait()
        assert ended.code == 0, ended.output
        self._expected = report_tables(self.folder / name)
        return time.monotonic() - began_s

    def await_experiment(self, command: Command, name: str) -> None:
        """Wait until a study has made its experiment."""
        while command.is_running and self._client.get_experiment_by_name(name) is None:
            time.sleep(0.05)

    def run_disturbed(self, name: str, disturb: Callable[[Command, str], None]) -> None:
        """Run a study to its end, with as many starts as it takes, and note what is wrong.

        Args:
            name: Name of the study's corpus.
            disturb: Called during its first start.
        """
        command = self.start(name)
        disturb(command, name)
        ends = [command.wait()]
        while ends[-1].code == UNAVAILABLE and len(ends) < _MOST_STARTS:
            ends.append(self.start(name).wait())
        self.tally.starts.update(ended.code for ended in ends)
        wrong = [ended for ended in ends if ended.code not in (0, UNAVAILABLE)]
        faults = [f"exit code {ended.code}: {ended.output[-3000:]}" for ended in wrong]
        faults += [f"traceback: {ended.output[-3000:]}" for ended in ends if "Traceback" in ended.output]
        unavailable = [ended for ended in ends if ended.code == UNAVAILABLE]
        faults += [f"not one line: {ended.output}" for ended in unavailable if ended.output.count("error: ") != 1]
        faults += ["it does not end"] if ends[-1].code != 0 else self._faults_of_end(name)
        shown = [text for ended in ends for text in (ended.output, *ended.commands)]
        shown += [str(run.to_dictionary()) for run in runs_of(self._client, name)]
        places = (self.folder / name, *self.surroundings.logs)
        faults += [f"a secret is in {place}" for place in places_of(self.surroundings.secrets, places, shown)]
        self.tally.faults += [f"{name}: {fault}" for fault in faults]
        codes = ", ".join(str(ended.code) for ended in ends)
        duration_s = sum(ended.duration_s for ended in ends)
        print(f"{name}: exit {codes}; {len(faults)} faults; {duration_s:.0f} s", flush=True)

    def _faults_of_end(self, name: str) -> list[str]:
        """What is lost, doubled or different, and what `ser study check` finds."""
        tables = report_tables(self.folder / name)
        faults = [f"table {table} differs" for table in self._expected if tables.get(table) != self._expected[table]]
        direct = self._environment(name) | {"SER_TRACKING": self.surroundings.tracking}
        checked = Command(["study", "check"], direct).wait()
        faults += [] if checked.code == 0 else [f"check: {checked.output[-2000:]}"]
        return faults + find_faults(self._client, name)

    def _environment(self, name: str) -> dict[str, str]:
        return {**os.environ, "SER_HOME": str(self.folder / name), **self.surroundings.variables}


@contextmanager
def bad_answers(folder: Path, choose: random.Random) -> Iterator[tuple[Campaign, Callable[[str], None]]]:
    """Provide a campaign whose tracking server answers badly, and the function that runs one of its studies."""
    server = MlflowServer(folder / "server", f"sqlite:///{folder / 'server' / 'server.db'}")
    with server, BadProxy(server.url, USER, LOGIN) as proxy:
        secrets = (LOGIN, base64.b64encode(f"{USER}:{LOGIN}".encode()).decode())
        surroundings = Surroundings(server.url, {"SER_TRACKING": proxy.url}, secrets, (folder / "server",))
        campaign = Campaign(folder, surroundings)
        proxy.schedule({})
        campaign.run_undisturbed("undisturbed")
        requests = proxy.requests
        print(f"an undisturbed study sends {requests} requests", flush=True)

        def run(name: str) -> None:
            proxy.schedule(choose_answers(choose, requests))
            campaign.run_disturbed(name, lambda command, name: None)
            answers = proxy.bad_answers
            print(f"{name}: bad answers: {dict(sorted(answers.items()))}", flush=True)
            campaign.tally.disturbances += answers
            campaign.tally.faults += [f"{name}: was never answered by {way}" for way in WAYS if not answers[way]]

        yield campaign, run


def choose_answers(choose: random.Random, requests: int) -> dict[int, BadAnswer]:
    """Choose requests to answer badly: in each way one to three, one after the other, from a random one.

    Args:
        choose: Source of chance.
        requests: Number of requests of an undisturbed study.
    """
    answers: dict[int, BadAnswer] = {}
    # A study that is quicker than the undisturbed one sends fewer requests.
    latest_start = requests // 2
    for way in choose.sample(WAYS, len(WAYS)):
        number = choose.randrange(latest_start)
        for _ in range(choose.randint(1, _LONGEST_WINDOW)):
            while number in answers:
                number += 1
            answers[number] = BadAnswer(way, passed_on=choose.random() < 0.5)
    return answers


@contextmanager
def killed_postgresql(folder: Path, choose: random.Random) -> Iterator[tuple[Campaign, Callable[[str], None]]]:
    """Provide a campaign whose PostgreSQL is killed, and the function that runs one of its studies."""
    # PostgreSQL's account may not enter the folder of the campaign.
    database_folder = Path(tempfile.mkdtemp(prefix="ser-postgresql-"))
    database = PostgresqlServer(database_folder)
    database.make()
    database.start()
    server = MlflowServer(folder / "server", database.url, *SERVER_OPTIONS)
    try:
        with empty_database(database.url) as trials, server:
            variables = {"SER_TRACKING": server.url, "SER_STORAGE": trials}
            artifacts = folder / "server" / "artifacts"
            campaign = Campaign(folder, Surroundings(server.url, variables, (PASSWORD,), (artifacts,)))
            duration_s = campaign.run_undisturbed("undisturbed")

            def run(name: str) -> None:
                kills = campaign.tally.disturbances["a kill"]
                # One that ends before its moment is followed by another one.
                for attempt in count(1):
                    campaign.run_disturbed(f"{name}-{attempt}", kill_and_restart)
                    if campaign.tally.disturbances["a kill"] > kills:
                        break

            def kill_and_restart(command: Command, name: str) -> None:
                campaign.await_experiment(command, name)
                time.sleep(choose.uniform(0, duration_s))
                if not command.is_running:
                    return
                campaign.tally.disturbances["a kill"] += 1
                database.kill()
                time.sleep(OUTAGE_S)
                database.start()

            yield campaign, run
        database.stop()
    finally:
        shutil.rmtree(database_folder)


CAMPAIGNS = {"answers": bad_answers, "postgresql": killed_postgresql}


def main() -> int:
    """Run a campaign, print its tally, and return 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", choices=CAMPAIGNS)
    parser.add_argument("--studies", type=int, default=10, help="number of studies")
    parser.add_argument("--seed", type=int, default=1, help="seed of all choices")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ser-outages-"))
    with CAMPAIGNS[arguments.campaign](folder, random.Random(arguments.seed)) as (campaign, run):
        for number in range(arguments.studies):
            run(f"study-{number + 1:02d}")
    tally = campaign.tally
    print(
        f"seed {arguments.seed}; {arguments.studies} studies; {sum(tally.starts.values())} starts, by exit code: "
        f"{dict(tally.starts)}; disturbances: {dict(sorted(tally.disturbances.items()))}"
    )
    print("\n".join(tally.faults) or "0 lost, 0 doubled, all tables equal, no secret told, no traceback")
    if not tally.faults:
        # After a fault it stays, to be looked at.
        shutil.rmtree(folder)
    return bool(tally.faults)


if __name__ == "__main__":
    sys.exit(main())
