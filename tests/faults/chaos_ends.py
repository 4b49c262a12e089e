"""What a disturbed study must end as: the undisturbed one, to the last digit, with nothing lost and nothing doubled."""

from collections import Counter
from pathlib import Path
from typing import Any

from studies.storages.home import Home

TRIALS, FOLDS = 2, 4


def results(place: Home) -> tuple[Any, ...]:
    """The final table, to the last digit, times apart, and what the search knows."""
    from studies.reporting.results_reader import ResultsReader
    from studies.search.optuna_study import OptunaStudy
    from studies.search.summaries import list_studies
    from tests.support.toy_corpus import without_times
    from tests.support.trial_results import trial_results
    from tracking.backend.client import connect
    from tracking.results.store import ResultStore

    (summary,) = list_studies(place.storage)
    where = summary.location
    assert where is not None
    search = OptunaStudy.open(place.storage, summary.name, summary.plan)
    client = connect(place.tracking_uri_or_path)
    table = ResultsReader(place, where).table([summary])
    stored = trial_results(client, where.experiment, ResultStore(place.results))
    trials = {identity: [without_times(fold) for fold in folds] for identity, folds in stored.items()}
    states = sorted(trial.state.name for group in search.active_trials().values() for trial in group)
    return trials, table.baselines, table.notes, search.completed_values(), states


def assert_ended_as(place: Home, expected: tuple[Any, ...], epochs: int) -> None:
    """Holds all that is written of a study against an undisturbed one.

    Args:
        place: Where it was run.
        expected: The undisturbed one's results.
        epochs: Epochs of every fold.
    """
    from studies.consistency.study_check import check_study
    from studies.search.session import StudySession
    from studies.search.summaries import list_studies
    from tracking.backend.client import connect

    assert results(place) == expected
    (summary,) = list_studies(place.storage)
    checked = check_study(StudySession.reopen(place, summary, print))
    assert (checked.findings, checked.damaged, checked.trials_open, checked.folds_open) == ((), (), 0, 0)
    runs, client = all_runs(place), connect(place.tracking_uri_or_path)
    kinds = Counter(run.data.tags["ser.kind"] for run in runs)
    assert kinds == {"study": 1, "trial": TRIALS, "fold": TRIALS * FOLDS}, kinds
    assert {run.info.status for run in runs} == {"FINISHED"}
    folds = {run.data.tags["ser.fold_identity"]: run for run in runs if run.data.tags["ser.kind"] == "fold"}
    assert len(folds) == TRIALS * FOLDS
    assert not any(run.data.tags.get("ser.superseded") for run in runs)
    for run in folds.values():
        steps = [row.step for row in client.get_metric_history(run.info.run_id, "training_loss")]
        assert sorted(steps) == list(range(1, epochs + 1)), run.info.run_name


def all_runs(place: Home) -> list[Any]:
    """Every run of the study's experiment, superseded ones too."""
    from tracking.backend.client import connect

    client = connect(place.tracking_uri_or_path)
    experiments = [each.experiment_id for each in client.search_experiments() if each.name != "Default"]
    return list(client.search_runs(experiments, max_results=1000)) if experiments else []


def has_members(group: int) -> bool:
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
