"""Context of a report: commands, commits and progress of its studies."""

from collections.abc import Sequence

from studies.planning.command import study_command
from studies.planning.study_file import format_study_file
from studies.provenance import home_tag_name
from studies.reporting.importances import compute_importances, trial_groups
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking.analysis.report_context import ReportContext, StudyInfo
from tracking.analysis.results_table import ResultsTable


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
    importances = tuple(map(compute_importances, trial_groups(table)))
    return ReportContext(
        {study.name: _study_info(home, study) for study in studies if study.name in names}, importances
    )


def _study_info(home: Home, study: StudySummary) -> StudyInfo:
    start = study.start
    root = study.root_of(home_tag_name(home.root))
    return StudyInfo(
        command=study_command(study.plan, root),
        file=format_study_file(study.name, study.plan, root),
        trials=study.trials,
        trials_done=study.trials_complete + study.trials_pruned,
        commit="" if start is None else start.commit,
        dirty=start is not None and start.dirty,
        running=home.storage.lease_owner(study.name) is not None,
    )
