"""What a report tells beside the results: commands, commits, and who runs now."""

from collections.abc import Iterable, Mapping, Sequence

from mlflow.entities import Run

from studies.planning.command import study_command
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking import schema
from tracking.analysis.comparison.overview import Overview
from tracking.analysis.report_context import Background, Importances, StudyOrigin
from tracking.backend.client import open_tracking
from tracking.backend.queries import find_runs


def report_background(
    home: Home,
    known: Sequence[StudySummary],
    overview: Overview,
    importances: Iterable[Importances],
) -> Background:
    """Gathers what a report tells beside the results.

    Args:
        home: Where everything is kept.
        known: All studies.
        overview: What the results say.
        importances: Importances of settings.

    Returns:
        Origins of the report's studies that Optuna knows here, and importances.
    """
    table = overview.table
    names = {trial.study for trial in (*table.trials, *(each.trial for each in table.pruned))}
    told = [each for each in known if each.name in names]
    client = open_tracking(home.tracking)
    experiments = {each.whereabouts.experiment for each in told if each.whereabouts is not None}
    found = [run for experiment in experiments for run in find_runs(client, experiment, ser__kind="study")]
    runs = {(run.info.experiment_id, run.data.tags[schema.STUDY]): run for run in found}
    origins = {each.name: _origin(home, each, runs) for each in told}
    return Background(origins, importances)


def _origin(home: Home, study: StudySummary, runs: Mapping[tuple[str, str], Run]) -> StudyOrigin:
    run = None if study.whereabouts is None else runs.get((study.whereabouts.experiment, study.name))
    root, tags = (None, {}) if run is None else (run.data.params.get("root"), run.data.tags)
    return StudyOrigin(
        command=study_command(study.plan, None if study.plan.corpus == "demo" else root),
        trials=study.trials,
        trials_done=study.trials_complete + study.trials_pruned,
        commit=tags.get(schema.GIT_COMMIT, ""),
        dirty=tags.get(schema.GIT_DIRTY) == "true",
        running=home.storage.holder(study.name) is not None,
    )
