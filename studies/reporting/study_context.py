"""Context of a report: commands, commits and progress of its studies."""

from collections.abc import Mapping, Sequence

from mlflow.entities import Run

from studies.planning.command import study_command
from studies.provenance import corpus_root
from studies.reporting.importances import compute_importances, trial_groups
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking import schema
from tracking.analysis.report_context import ReportContext, StudyInfo
from tracking.analysis.results_table import ResultsTable
from tracking.backend.client import connect
from tracking.backend.queries import search_runs


def report_context(home: Home, studies: Sequence[StudySummary], table: ResultsTable) -> ReportContext:
    """Gather the information that a report shows beside its results.

    Args:
        home: The data directory.
        studies: All studies.
        table: The results.

    Returns:
        Commands and progress of the studies in the table that are known here, and importances of settings.
    """
    names = {trial.study for trial in (*table.trials, *(pruned.trial for pruned in table.pruned))}
    reported = [study for study in studies if study.name in names]
    client = connect(home.tracking_uri_or_path)
    experiments = {study.location.experiment for study in reported if study.location is not None}
    runs = {
        (experiment, run.data.tags[schema.STUDY]): run
        for experiment in experiments
        for run in search_runs(client, experiment, ser__kind="study")
    }
    importances = tuple(map(compute_importances, trial_groups(table)))
    return ReportContext({study.name: _study_info(home, study, runs) for study in reported}, importances)


def _study_info(home: Home, study: StudySummary, runs: Mapping[tuple[str, str], Run]) -> StudyInfo:
    run = None if study.location is None else runs.get((study.location.experiment, study.name))
    tags = {} if run is None else run.data.tags
    root = None if run is None else corpus_root(home.root, tags, run.data.params)
    return StudyInfo(
        command=study_command(study.plan, None if study.plan.corpus == "demo" else root),
        trials=study.trials,
        trials_done=study.trials_complete + study.trials_pruned,
        commit=tags.get(schema.GIT_COMMIT, ""),
        dirty=tags.get(schema.GIT_DIRTY) == "true",
        running=home.storage.lease_owner(study.name) is not None,
    )
