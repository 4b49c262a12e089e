from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ser.config import digest_of
from studies.reporting import report_runner
from studies.reporting.report_runner import Report, build_report, watch_study
from studies.search.records import StudyLocation
from studies.storages.home import Home
from tests.support.scored_trials import World, configuration, table_of, trial
from tracking.analysis.comparison.request import ComparisonRequest

WHERE = StudyLocation("1", "c0ffee", "leave-one-speaker-out", 10)


def seen(monkeypatch: pytest.MonkeyPatch, looks: list[tuple[str | None, bool]]) -> list[float]:
    """What a watch finds at each look, newest fold and whether a study runs; the pauses that it makes."""
    folds: Iterator[str | None] = iter([fold for fold, _ in looks])
    running = iter([runs for _, runs in looks])
    pauses: list[float] = []
    monkeypatch.setattr(report_runner.ResultStore, "identities", lambda _: frozenset(filter(None, [next(folds)])))
    monkeypatch.setattr(report_runner, "running_studies", lambda *_: frozenset(["study"] if next(running) else []))
    monkeypatch.setattr(report_runner.ResultsReader, "table", lambda *_: table_of())
    monkeypatch.setattr(report_runner.time, "sleep", pauses.append)
    return pauses


def watched(tmp_path: Path, reports: list[Any]) -> list[Any]:
    told: list[Any] = []
    source = iter(reports)
    watch_study(Home(tmp_path), WHERE, lambda *_: next(source), told.append)
    assert next(source, "all taken") == "all taken"
    return told


def test_the_report_is_rebuilt_after_new_folds_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = seen(monkeypatch, [("a", True), ("a", True), ("b", True), ("b", True), ("b", False)])
    assert watched(tmp_path, ["first", "second", "last"]) == ["first", "second", "last"]
    assert min(pauses) >= 0
    assert len(pauses) == 4


def test_the_report_is_built_once_where_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(monkeypatch, [("a", False)]) == []
    assert watched(tmp_path, ["only"]) == ["only"]


def test_a_watch_waits_for_the_first_fold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch, [(None, True), ("a", True), ("a", False)])
    assert watched(tmp_path, ["first", "last"]) == ["first", "last"]
    seen(monkeypatch, [(None, True), (None, False)])
    assert watched(tmp_path, [None]) == []


def test_a_watch_looks_for_baselines_when_a_study_starts_or_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen(monkeypatch, [("a", True), ("b", True), ("b", True), ("b", False)])
    looks: list[bool] = []
    monkeypatch.setattr(report_runner.ResultsReader, "fetch", lambda *_, baselines: looks.append(baselines))
    watched(tmp_path, ["first", "second", "last"])
    assert looks == [True, False, False, True]


@pytest.fixture
def home(tmp_path: Path, empty_store: Path, empty_search: Path) -> Home:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    (home.root / "mlflow.db").write_bytes(empty_store.read_bytes())
    (home.root / "optuna.db").write_bytes(empty_search.read_bytes())
    return home


def test_corpora_of_any_name_and_fold_schemes_have_folders(home: Home) -> None:
    table = table_of(trial(World(per_speaker=8, corpus="../../x <y>"), configuration()))
    by_session = tuple(
        replace(
            one,
            folds=tuple(replace(fold, fold=fold.fold.model_copy(update={"scheme": "given"})) for fold in one.folds),
        )
        for one in table.trials
    )
    pages = [build_report(each, home, ()) for each in (table, replace(table, trials=by_session))]
    names = [page.page.relative_to(home.reports).parts for page in pages if isinstance(page, Report)]
    assert [len(parts) for parts in names] == [2, 2]
    assert names[0][0].endswith("c0ffee00-leave-one-speaker-out")
    assert names[1][0].endswith("c0ffee00-given")
    assert not any(character in names[0][0] for character in "/<> ")


def test_each_request_has_a_folder_of_its_own(home: Home) -> None:
    table = table_of(trial(World(per_speaker=8), configuration()))
    requests = (ComparisonRequest(), ComparisonRequest("none · phonemes"), ComparisonRequest(margin=0.05))
    reports = [build_report(table, home, (), request) for request in requests]
    names = [report.page.parent.name for report in reports if report is not None]
    assert len(set(names)) == 3
    assert "asked" not in names[0]
    # The folder of a request is that of earlier versions, which knew no margin.
    assert names[1].endswith(f"asked-{digest_of(['none · phonemes'])[:8]}")


def test_a_report_with_recordings_has_a_folder_that_is_not_uploaded(home: Home) -> None:
    table = table_of(trial(World(per_speaker=8), configuration()))
    silent, audible = (build_report(table, home, (), audio=audio) for audio in (False, True))
    assert silent is not None
    assert audible is not None
    assert audible.page.parent.name == f"{silent.page.parent.name}-audio"


def test_without_a_fold_there_is_no_report(home: Home) -> None:
    waiting = trial(World(), configuration(), folds=[])
    assert build_report(table_of(waiting), home, ()) is None
    assert not home.reports.exists()
