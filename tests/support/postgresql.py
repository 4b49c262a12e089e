"""A PostgreSQL server for tests, in a folder of its own; also a command, for whoever runs the tests.

python -m tests.support.postgresql start FOLDER     prints the URL of a server that has just been started there
python -m tests.support.postgresql stop FOLDER      ends it
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

USER = "ser"
PASSWORD = "a-secret-of-tests"
_ACCOUNT = "postgres"
"""Whoever is root runs the server as this user: PostgreSQL refuses to be run by root."""


def binaries() -> Path | None:
    """The folder of PostgreSQL's server programs, the newest where there are several, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return None if on_path is None else Path(on_path).resolve().parent


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """The URL of a new database on the server of a URL; it is dropped in the end."""
    import sqlalchemy

    name = f"ser_test_{os.urandom(6).hex()}"
    engine = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    yield sqlalchemy.make_url(server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"DROP DATABASE {name} WITH (FORCE)"))


class PostgresqlServer:
    """A server in a folder; nothing is started yet.

    Args:
        folder: A folder that the server's user can reach.
        durable: Whether what it was told to keep survives the machine, which tests need not pay for.
    """

    def __init__(self, folder: Path, durable: bool = False) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._durable = durable

    @property
    def url(self) -> str:
        """URL of its first database, with user and password."""
        port = (self._folder / "port").read_text()
        return f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres"

    def make(self) -> None:
        """Makes an empty database cluster, and chooses a free port."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            (self._folder / "port").write_text(str(probe.getsockname()[1]))
        (self._folder / "password").write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self._folder, self._folder / "password"):
                shutil.chown(path, _ACCOUNT, _ACCOUNT)
        options = ["--auth=scram-sha-256", f"--pwfile={self._folder / 'password'}", f"--username={USER}", "--no-sync"]
        self._run("initdb", "-D", str(self._data), "--encoding=UTF8", "--locale=C", *options)

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        port = (self._folder / "port").read_text()
        fsync = "on" if self._durable else "off"
        settings = f"-p {port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync={fsync}"
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(self._folder / "log"), "-o", settings)

    def stop(self) -> None:
        """Ends it and all its connections, as a restart of the machine would."""
        self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self._data))

    @property
    def process(self) -> psutil.Process:
        """The first of its processes, of which all others are descendants."""
        return psutil.Process(int((self._data / "postmaster.pid").read_text().splitlines()[0]))

    def kill(self) -> None:
        """Kills it with all its processes: no connection is told."""
        every = [self.process, *self.process.children(recursive=True)]
        for process in every:
            process.kill()
        psutil.wait_procs(every, timeout=10)

    def _run(self, program: str, *arguments: str) -> None:
        folder = binaries()
        if folder is None:
            raise FileNotFoundError("PostgreSQL's server programs are not installed")
        account = ["runuser", "-u", _ACCOUNT, "--"] if os.geteuid() == 0 else []
        command = [*account, str(folder / program), *arguments]
        # Output to a file: the server that pg_ctl starts would keep a pipe open.
        with (self._folder / "commands").open("ab") as output:
            answer = subprocess.run(command, cwd=self._folder, stdout=output, stderr=output, check=False)
        if answer.returncode != 0:
            raise RuntimeError(f"{program} failed: {(self._folder / 'commands').read_text()}")


if __name__ == "__main__":
    action, server = sys.argv[1], PostgresqlServer(Path(sys.argv[2]))
    if action == "start":
        server.make()
        server.start()
        print(server.url)
    else:
        server.stop()
