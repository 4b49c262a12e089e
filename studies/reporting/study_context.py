"""What a report tells beside the results: commands, commits, and who runs now."""

from collections.abc import Mapping, Sequence

from mlflow.entities import Run

from studies.planning.command import study_command
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking import schema
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report_context import ParameterImportances, ReportContext, StudyInfo
from tracking.backend.client import connect
from tracking.backend.queries import search_runs


def report_context(
    home: Home,
    known: Sequence[StudySummary],
    overview: Analysis,
    importances: tuple[ParameterImportances, ...],
) -> ReportContext:
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
    client = connect(home.tracking_uri_or_path)
    experiments = {each.whereabouts.experiment for each in told if each.whereabouts is not None}
    found = [run for experiment in experiments for run in search_runs(client, experiment, ser__kind="study")]
    runs = {(run.info.experiment_id, run.data.tags[schema.STUDY]): run for run in found}
    origins = {each.name: _study_info(home, each, runs) for each in told}
    return ReportContext(origins, importances)


def _study_info(home: Home, study: StudySummary, runs: Mapping[tuple[str, str], Run]) -> StudyInfo:
    run = None if study.whereabouts is None else runs.get((study.whereabouts.experiment, study.name))
    root, tags = (None, {}) if run is None else (run.data.params.get("root"), run.data.tags)
    return StudyInfo(
        command=study_command(study.plan, None if study.plan.corpus == "demo" else root),
        trials=study.trials,
        trials_done=study.trials_complete + study.trials_pruned,
        commit=tags.get(schema.GIT_COMMIT, ""),
        dirty=tags.get(schema.GIT_DIRTY) == "true",
        running=home.storage.lease_owner(study.name) is not None,
    )
