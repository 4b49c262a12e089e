"""Optuna's dashboard over a real storage, asked over HTTP as its pages do."""

import json
import queue
import socket
import threading
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import optuna
import pytest
from optuna.distributions import FloatDistribution
from typer.testing import CliRunner

from ser.errors import StudyError
from studies.cli.main import app
from studies.monitoring.dashboard import dashboard_app, serve
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.search.optuna_study import OptunaStudy
from studies.storages import storage_at

PLAN = StudyPlan.from_options(StudyOptions(corpus="emodb", recipe="extended", attentions=("all",), trials=3))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search with two complete trials and a pruned one."""
    path = tmp_path_factory.mktemp("dashboard") / "optuna.db"
    search = OptunaStudy.open(storage_at(None, path), "a search", PLAN)
    for value in (0.5, 0.625, None):
        (point,) = search.propose("fp32")
        assert point.number is not None
        search.report_intermediate(point.number, {1: 0.5, 2: 0.25})
        if value is None:
            search.prune(point.number, "a reason")
        else:
            search.complete(point.number, value)
    return path


@pytest.fixture(scope="module")
def address(database: Path) -> str:
    pytest.importorskip("optuna_dashboard", reason="the extra 'dashboard' is not installed")
    addresses: queue.SimpleQueue[str] = queue.SimpleQueue()
    served = dashboard_app(storage_at(None, database))
    threading.Thread(target=serve, args=(served, 0, addresses.put), daemon=True).start()
    return addresses.get(timeout=60).removesuffix("/dashboard")


def asked(url: str, method: str = "GET") -> Any:
    with urlopen(Request(url, method=method, data=b"{}" if method != "GET" else None), timeout=60) as answer:
        return answer.read()


def test_its_page_is_served_on_this_machine_only(address: str) -> None:
    assert address.startswith("http://127.0.0.1:")
    assert b"<title>Optuna Dashboard" in asked(f"{address}/dashboard")


def test_it_shows_studies_and_their_trials(address: str) -> None:
    (study,) = json.loads(asked(f"{address}/api/studies"))["study_summaries"]
    assert study["study_name"] == "a search"
    detail = json.loads(asked(f"{address}/api/studies/{study['study_id']}"))
    assert [trial["state"] for trial in detail["trials"]] == ["Complete", "Complete", "Pruned"]
    assert [each["value"] for each in detail["trials"][2]["intermediate_values"]] == [0.5, 0.375]
    assert {"key": "pruned", "value": "a reason"} in detail["trials"][2]["user_attrs"]


def test_the_objective_has_its_name(address: str) -> None:
    (study,) = json.loads(asked(f"{address}/api/studies"))["study_summaries"]
    assert json.loads(asked(f"{address}/api/studies/{study['study_id']}"))["objective_names"] == ["mean validation UA"]


def test_importances_are_estimated_from_eight_trials_on(address: str, database: Path) -> None:
    storage = storage_at(None, database).open()
    study = optuna.create_study(storage=storage, study_name="a grid", direction="maximize")
    url = f"{address}/api/studies/{study._study_id}/param_importances"
    distributions = {name: FloatDistribution(0, 1) for name in ("a", "b")}
    for number in range(8):
        assert json.loads(asked(url)) == {"param_importances": [[]]}
        values = {"a": number / 8, "b": number * 5 % 8 / 8}
        study.add_trial(optuna.trial.create_trial(value=number, params=values, distributions=distributions))
    (importances,) = json.loads(asked(url))["param_importances"]
    assert {each["name"] for each in importances} == {"a", "b"}
    optuna.delete_study(study_name="a grid", storage=storage)
    with pytest.raises(HTTPError) as missing:
        asked(url)
    assert missing.value.code == 404


@pytest.mark.parametrize(("host", "code"), [("rebound.example", 403), ("127.0.0.1.example:80", 403), ("", 403)])
def test_requests_for_another_host_are_refused(address: str, host: str, code: int) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(f"{address}/api/studies", headers={"Host": host}), timeout=60)
    assert refused.value.code == code
    port = address.rpartition(":")[2]
    with urlopen(Request(f"{address}/api/studies", headers={"Host": f"localhost:{port}"}), timeout=60) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("method", ["DELETE", "POST", "PUT"])
def test_nothing_can_be_changed_through_it(address: str, database: Path, method: str) -> None:
    (study,) = json.loads(asked(f"{address}/api/studies"))["study_summaries"]
    with pytest.raises(HTTPError) as refused:
        asked(f"{address}/api/studies/{study['study_id']}", method)
    assert refused.value.code == 405
    assert "read-only" in refused.value.read().decode()
    assert len(OptunaStudy.open(storage_at(None, database), "a search", PLAN).points("fp32")) == 3


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(StudyError, match=f"port {taken.getsockname()[1]} of 127.0.0.1 cannot be used"):
            serve(lambda environ, start: [], taken.getsockname()[1], print)


def test_without_studies_there_is_nothing_to_show(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["dashboard", "--home", str(tmp_path)])
    assert answer.exit_code == 1
    assert "there are no studies yet; run one first" in answer.output


def test_a_missing_dashboard_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna_dashboard", None)
    with pytest.raises(StudyError, match=r"pip install 'ser-studies\[dashboard\]'"):
        dashboard_app(storage_at(None, tmp_path / "optuna.db"))
