from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.storages._cached_storage import _CachedStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import event
from sqlalchemy.engine import Engine

from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.search.optuna_study import OptunaStudy
from studies.search.records import StudyLocation
from studies.search.summaries import list_studies
from studies.storages.sqlite import SqliteStorage

PLAN = StudyPlan.from_options(
    StudyOptions(corpus="emodb", recipe="quick", attentions=("none", "local"), labels=("words", "phonemes"))
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An Optuna database without studies."""
    database = tmp_path_factory.mktemp("search") / "optuna.db"
    optuna.storages.RDBStorage(f"sqlite:///{database}")
    return database.read_bytes()


@pytest.fixture
def database(tmp_path: Path, empty: bytes) -> Path:
    path = tmp_path / "optuna.db"
    path.write_bytes(empty)
    return path


def opened(database: Path) -> OptunaStudy:
    return OptunaStudy.open(SqliteStorage(database), "a study", PLAN)


def standing(search: OptunaStudy) -> list[tuple[int | None, bool]]:
    return [(point.number, point.complete) for point in search.points("fp32")]


def states(database: Path) -> list[TrialState]:
    study = optuna.load_study(study_name="a study", storage=f"sqlite:///{database}")
    return [trial.state for trial in study.trials]


def test_a_new_study_has_every_point_and_no_trial(database: Path) -> None:
    points = opened(database).points("bf16")
    assert tuple(point.configuration for point in points) == PLAN.points("bf16")
    assert all(point.number is None and not point.complete for point in points)


def test_a_database_is_made_where_there_is_none(tmp_path: Path) -> None:
    opened(tmp_path / "deep" / "optuna.db")
    assert [each.name for each in list_studies(SqliteStorage(tmp_path / "deep" / "optuna.db"))] == ["a study"]


def test_trials_that_run_go_on_and_complete_ones_stay(database: Path) -> None:
    search = opened(database)
    points = search.points("fp32")
    first, third = search.start_trial(points[0]), search.start_trial(points[2])
    search.complete(third, 0.625)
    assert standing(search) == [(first, False), (None, False), (third, True), (None, False)]
    assert standing(opened(database)) == standing(search)
    again = opened(database)
    assert again.start_trial(again.points("fp32")[0]) == first
    assert states(database) == [TrialState.RUNNING, TrialState.COMPLETE]


def test_a_trial_carries_its_parameters_and_its_value(database: Path) -> None:
    search = opened(database)
    for point in search.points("fp32"):
        search.complete(search.start_trial(point), 0.5)
    study = optuna.load_study(study_name="a study", storage=f"sqlite:///{database}")
    assert [trial.params for trial in study.trials] == [
        {"attention": "none", "labels": "words", "seed": 1},
        {"attention": "none", "labels": "phonemes", "seed": 1},
        {"attention": "local", "scope": 9, "labels": "words", "seed": 1},
        {"attention": "local", "scope": 9, "labels": "phonemes", "seed": 1},
    ]
    assert [trial.value for trial in study.trials] == [0.5] * 4
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE


def test_telling_a_value_again_changes_nothing(database: Path) -> None:
    search = opened(database)
    number = search.start_trial(search.points("fp32")[0])
    search.complete(number, 0.5)
    search.complete(number, 0.75)
    search.fail(number, "no memory")
    (summary,) = list_studies(SqliteStorage(database))
    assert summary.best_validation_ua == 0.5
    assert standing(search)[0] == (number, True)


def test_of_duplicate_trials_the_complete_one_counts(database: Path) -> None:
    search = opened(database)
    search.start_trial(search.points("fp32")[0])
    study = optuna.load_study(study_name="a study", storage=f"sqlite:///{database}")
    for _ in range(2):
        study.add_trial(study.trials[0])
    search.complete(1, 0.5)
    assert standing(opened(database))[0] == (1, True)
    assert states(database) == [TrialState.RUNNING, TrialState.COMPLETE, TrialState.RUNNING]


def test_of_two_that_run_the_older_one_stands(database: Path) -> None:
    search = opened(database)
    search.start_trial(search.points("fp32")[0])
    study = optuna.load_study(study_name="a study", storage=f"sqlite:///{database}")
    study.add_trial(study.trials[0])
    assert standing(opened(database))[0] == (0, False)


def test_a_failed_trial_is_started_again(database: Path) -> None:
    search = opened(database)
    failed = search.start_trial(search.points("fp32")[0])
    search.fail(failed, "no memory")
    again = opened(database)
    point = again.points("fp32")[0]
    assert (point.number, point.complete) == (None, False)
    anew = again.start_trial(point)
    assert anew != failed
    again.complete(anew, 0.5)
    assert states(database) == [TrialState.FAIL, TrialState.COMPLETE]


def test_a_trial_begins_in_one_transaction(database: Path) -> None:
    search = opened(database)
    point = search.points("fp32")[2]
    statements: list[str] = []

    def inserted(connection: object, cursor: object, statement: str, *others: object) -> None:
        if statement.startswith("INSERT"):
            statements.append(statement.split()[2])

    def committed(connection: object) -> None:
        statements.append("commit")

    event.listen(Engine, "after_cursor_execute", inserted)
    event.listen(Engine, "commit", committed)
    try:
        search.start_trial(point)
    finally:
        event.remove(Engine, "after_cursor_execute", inserted)
        event.remove(Engine, "commit", committed)
    written = [each for place, each in enumerate(statements) if each != "commit" or statements[place - 1] != "commit"]
    assert written[0] == "trials"
    assert set(written[1:-1]) == {"trial_params"}
    assert written[-1] == "commit"


def test_beginning_a_trial_reads_no_other_one(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = opened(database)
    first, *others = search.points("fp32")
    # Looks once what there is.
    assert search.start_trial(first) == 0
    read = list[str]()
    for name in ("get_all_trials", "get_trial", "get_n_trials"):
        monkeypatch.setattr(RDBStorage, name, lambda *arguments, name=name, **others: read.append(name))
        monkeypatch.setattr(_CachedStorage, name, lambda *arguments, name=name, **others: read.append(name))
    assert [search.start_trial(point) for point in others] == [1, 2, 3]
    assert read == []


@pytest.mark.parametrize("came_to_be", [True, False])
def test_a_trial_whose_start_failed_is_added_once(
    database: Path, monkeypatch: pytest.MonkeyPatch, came_to_be: bool
) -> None:
    search = opened(database)
    first, second, *_ = search.points("fp32")
    search.start_trial(first)
    add = optuna.Study.add_trial

    def answer_lost(study: optuna.Study, trial: FrozenTrial) -> None:
        if came_to_be:
            add(study, trial)
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "add_trial", answer_lost)
        with pytest.raises(ConnectionError):
            search.start_trial(second)
    assert search.start_trial(second) == 1
    assert states(database) == [TrialState.RUNNING] * 2


def test_trials_may_begin_at_once(database: Path) -> None:
    search = opened(database)
    points = search.points("fp32")
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(search.start_trial, points))
    assert sorted(numbers) == [0, 1, 2, 3]
    found = {search.key(point.configuration): point.number for point in opened(database).points("fp32")}
    assert [found[search.key(point.configuration)] for point in points] == numbers


def test_a_discarded_trial_prunes_no_repetition(database: Path) -> None:
    plan = StudyPlan.from_options(StudyOptions(corpus="emodb", recipe="extended", attentions=("all",), seeds=2))
    search = OptunaStudy.open(SqliteStorage(database), "a study", plan)
    (first, second) = search.propose("fp32")
    # Somebody prunes it with Optuna itself, without a reason.
    study = optuna.load_study(study_name="a study", storage=f"sqlite:///{database}")
    study.tell(0, state=TrialState.PRUNED)
    assert len(search.points("fp32")) == 1
    ((pruned,),) = search.active_trials().values()
    search.discard(pruned)
    points = search.points("fp32")
    assert [point.configuration for point in points] == [first.configuration, second.configuration]
    assert [point.number for point in points] == [None, None]


def test_a_pruner_compares_with_no_discarded_trial(database: Path) -> None:
    search = OptunaStudy.open(SqliteStorage(database), "a study", PLAN.model_copy(update={"pruner": "wilcoxon"}))
    best, poor, running = (search.start_trial(point) for point in search.points("fp32")[:3])
    for number, ua in ((best, 0.8), (poor, 0.2), (running, 0.5)):
        search.report_intermediate(number, {fold: ua + fold / 100 for fold in range(1, 10)})
    search.complete(best, 0.8)
    search.complete(poor, 2.5)
    assert search.prune_reason(running) is None
    search.discard(next(trial for (trial, *_) in search.active_trials().values() if trial.number == poor))
    reason = search.prune_reason(running)
    assert reason is not None
    assert f"best complete trial, number {best}, " in reason


def test_the_precision_and_latest_location_are_saved(database: Path) -> None:
    search = opened(database)
    assert search.precision is None
    search.save_precision("bf16")
    search.save_location(StudyLocation("7", "0" * 32, "a scheme", 10))
    search.save_location(StudyLocation("8", "0" * 32, "a scheme", 10))
    assert opened(database).precision == "bf16"
    (summary,) = list_studies(SqliteStorage(database))
    assert summary.location == StudyLocation("8", "0" * 32, "a scheme", 10)


def test_summaries_count_trials_and_put_the_newest_study_last(database: Path) -> None:
    assert list_studies(SqliteStorage(database.with_name("none.db"))) == []
    for name in ("z first", "a second"):
        search = OptunaStudy.open(SqliteStorage(database), name, PLAN)
        points = search.points("fp32")
        search.complete(search.start_trial(points[1]), 0.5)
        search.start_trial(points[3])
    found = list_studies(SqliteStorage(database))
    assert [each.name for each in found] == ["z first", "a second"]
    assert [(each.trials, each.trials_complete, each.best_validation_ua) for each in found] == [(4, 1, 0.5)] * 2
    assert found[0].plan == PLAN
    assert found[0].started is not None


def test_a_study_without_a_stored_plan_is_not_listed(database: Path) -> None:
    optuna.create_study(storage=f"sqlite:///{database}", study_name="a study", direction="maximize")
    assert list_studies(SqliteStorage(database)) == []
    assert len(opened(database).points("fp32")) == 4
    assert len(list_studies(SqliteStorage(database))) == 1
