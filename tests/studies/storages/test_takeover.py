"""Results of homes of earlier versions: all are taken over once, and nothing of them is lost, doubled or replaced."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from shutil import copyfile

import pytest
from safetensors.torch import load, save

import studies
from ser.errors import StudyError
from ser.feature_settings import LogMelSettings
from ser.results import BaselineResult
from ser.training.checkpoint import parse_result
from studies.cli.model.commands import MakeOptions
from studies.cli.model.make import make
from studies.storages.home import Home
from studies.storages.takeover import MARKER, take_over_results
from tests.support.interruptions import later
from tests.support.toy_studies import CORPUS, NONE, QUANTUM, baseline, trained
from tracking.backend.client import connect
from tracking.results.baselines import BaselineStore
from tracking.results.store import ResultStore


def plain(content: bytes) -> bytes:
    """A trained fold as earlier versions wrote it, without digests."""
    return save(load(content), metadata={"result": parse_result(content).model_dump_json()})


def identity(content: bytes) -> str:
    return parse_result(content).identity


FOLDS = [plain(trained(configuration, index)) for configuration in (NONE, QUANTUM) for index in (0, 1)]


class FormerHome(Home):
    """A home as earlier versions left it: results in artifacts and in an outbox."""

    def add_artifact(self, run_id: str, content: bytes, name: str = "fold.safetensors") -> Path:
        path = self.artifacts / CORPUS.name / run_id / "artifacts" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return path

    def queue(self, content: bytes) -> Path:
        self.outbox.mkdir(parents=True, exist_ok=True)
        path = self.outbox / f"{identity(content)}.safetensors"
        path.write_bytes(content)
        return path


@pytest.fixture
def home(tmp_path: Path) -> FormerHome:
    return FormerHome(tmp_path / "home")


def no_progress(name: str) -> Callable[[int, int], None]:
    return lambda done, total: None


def take_over(home: Home) -> list[str]:
    """Takes over all results; returns what was said."""
    lines: list[str] = []
    take_over_results(home, lines.append, no_progress)
    return lines


def results_of(home: Home) -> dict[str, bytes]:
    """The results without digests, once their files are found to be whole."""
    store = ResultStore(home.results)
    assert store.find_damaged(store.identities()) == {}
    return {name: plain(store.path(name).read_bytes()) for name in store.identities()}


EXPECTED = {identity(content): content for content in FOLDS}


def test_all_results_are_taken_over_once(home: FormerHome) -> None:
    artifacts = [home.add_artifact(f"run {index}", FOLDS[index]) for index in range(3)]
    queued = home.queue(FOLDS[3])
    assert take_over(home) == [f"took over 4 results of an earlier version: {home.results}"]
    assert results_of(home) == EXPECTED
    for path, content in zip(artifacts, FOLDS, strict=False):
        assert path.samefile(ResultStore(home.results).path(identity(content)))
    assert not queued.exists()
    take_over_results(home, pytest.fail, pytest.fail)


@pytest.mark.parametrize(
    "read", [lambda home: make(MakeOptions(home=home.root)), lambda home: studies.results(home=home.root)]
)
def test_a_model_and_a_table_are_made_of_them(home: FormerHome, read: Callable[[Home], object]) -> None:
    home.queue(FOLDS[0])
    with pytest.raises(StudyError, match="there is no study in"):
        read(home)
    assert results_of(home).keys() == {identity(FOLDS[0])}


@pytest.mark.parametrize("is_unambiguous", [True, False])
def test_a_baseline_is_taken_over_where_its_features_are_known(home: FormerHome, is_unambiguous: bool) -> None:
    content = baseline().model_dump_json(exclude={"features"})
    home.add_artifact("study", content.encode(), "baseline.json")
    if not is_unambiguous:
        # Of features of a few bands.
        home.queue(FOLDS[0])
    take_over(home)
    key = (CORPUS.digest, baseline().folds, baseline().normalisation, LogMelSettings())
    former = BaselineResult.model_validate_json(content)
    assert BaselineStore(home.results).find(*key) == (former if is_unambiguous else None)


def test_damaged_and_discarded_results_stay_where_they_are(home: FormerHome, empty_store: Path) -> None:
    home.root.mkdir()
    client = connect(copyfile(empty_store, home.root / "mlflow.db"))
    deleted, superseded = (client.create_run("0").info.run_id for _ in range(2))
    client.delete_run(deleted)
    client.set_tag(superseded, "ser.superseded", "nothing")
    home.add_artifact(deleted, FOLDS[0])
    home.add_artifact(superseded, FOLDS[1])
    damaged = home.add_artifact("damaged", FOLDS[2][:-1])
    (line,) = take_over(home)
    assert line.startswith(f"{damaged}: expected a trained fold")
    assert results_of(home) == {}
    assert damaged.read_bytes() == FOLDS[2][:-1]


def test_the_first_of_two_results_of_a_fold_stays(home: FormerHome) -> None:
    home.queue(FOLDS[0])
    other = plain(later(FOLDS[0], 60_000))
    path = home.add_artifact("run", other)
    take_over(home)
    assert results_of(home) == {identity(FOLDS[0]): FOLDS[0]}
    assert path.read_bytes() == other


def test_a_data_directory_is_not_made_to_look_into_it(home: FormerHome) -> None:
    assert take_over(home) == []
    assert not home.root.exists()
    home.root.mkdir()
    assert take_over(home) == []
    assert [path.name for path in home.results.iterdir()] == [MARKER]


def test_files_of_the_outbox_are_moved_but_never_lost(home: FormerHome) -> None:
    home.root.mkdir()
    take_over(home)
    home.queue(FOLDS[0])
    take_over(home)
    other, damaged = plain(later(FOLDS[0], 60_000)), FOLDS[1][:-1]
    home.queue(other)
    (home.outbox / "damaged.safetensors").write_bytes(damaged)
    (line,) = take_over(home)
    assert "damaged.safetensors: expected a trained fold" in line
    assert results_of(home) == {identity(FOLDS[0]): FOLDS[0]}
    assert {path.read_bytes() for path in home.trash.iterdir()} == {other, damaged}
    assert list(home.outbox.iterdir()) == []


@pytest.mark.parametrize("results", [1, 2, 4])
def test_a_takeover_that_is_killed_goes_on(home: FormerHome, monkeypatch: pytest.MonkeyPatch, results: int) -> None:
    artifacts = [home.add_artifact(f"run {index}", FOLDS[index]) for index in range(3)]
    home.queue(FOLDS[3])
    put, calls = ResultStore.put, count(1)

    def put_and_stop(self: ResultStore, name: str, content: bytes) -> Path:
        path = put(self, name, content)
        if next(calls) == results:
            raise KeyboardInterrupt
        return path

    with monkeypatch.context() as patch:
        patch.setattr(ResultStore, "put", put_and_stop)
        with pytest.raises(KeyboardInterrupt):
            take_over(home)
    assert len(results_of(home)) == results
    take_over(home)
    assert results_of(home) == EXPECTED
    assert all(path.stat().st_nlink == 2 for path in artifacts)
    assert list(home.outbox.iterdir()) == []
    assert not home.trash.exists()


def test_artifacts_stay_where_there_are_no_hard_links(home: FormerHome, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home.add_artifact("run", FOLDS[0])

    def refuse(self: Path, target: Path) -> None:
        raise OSError(f"no hard link from {self} to {target}")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    take_over(home)
    assert results_of(home) == {identity(FOLDS[0]): FOLDS[0]}
    assert path.read_bytes() == FOLDS[0]
