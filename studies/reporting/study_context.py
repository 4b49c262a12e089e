"""Context of a report: commands, commits and progress of its studies."""

from collections.abc import Sequence
from contextlib import suppress

from ser.errors import FeatureStoreError
from ser.features.builder import store_key
from ser.features.store import read_metadata
from ser.identity import RESULTS_VERSION
from studies.planning.command import study_command
from studies.planning.study_file import format_study_file
from studies.provenance import home_tag_name
from studies.reporting.audio_clips import newest_started, read_clips
from studies.reporting.importances import compute_importances, trial_groups
from studies.reporting.next_commands import next_commands
from studies.reporting.utterance_map import draw_utterance_map
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.details import hardest_ids
from tracking.analysis.report_context import FrontEndCost, ReportContext, StudyInfo, UtteranceMap
from tracking.analysis.results_table import ResultsTable
from tracking.analysis.variants.choice import choose_variant


def report_context(
    home: Home, studies: Sequence[StudySummary], analysis: Analysis, audio: bool = False
) -> ReportContext:
    """Gather the information that a report shows beside its results.

    Args:
        home: The data directory.
        studies: All studies.
        analysis: The analysed results.
        audio: Whether the recordings of the hardest utterances are read.

    Returns:
        Commands and progress of the studies in the table that are known here, importances of settings, commands that
        go on from the variant that validation chose, the map of its utterances, recordings, and costs of front ends.

    Raises:
        CorpusError: Recordings are to be read, and the folder does not hold the corpus.
        AudioError: Recordings are to be read, and one cannot be.
    """
    table, winner = analysis.table, choose_variant(analysis.variants)
    names = {trial.study for trial in (*table.trials, *(pruned.trial for pruned in table.pruned))}
    importances = tuple(map(compute_importances, trial_groups(table)))
    of_table = [study for study in studies if study.name in names]
    drawn = None if winner is None else draw_utterance_map(home, winner)
    hardest = hardest_ids(analysis) if audio else ()
    return ReportContext(
        {study.name: _study_info(home, study) for study in of_table},
        importances,
        commands=() if winner is None else next_commands(home, of_table, winner),
        utterance_map=drawn if isinstance(drawn, UtteranceMap) else None,
        clips=read_clips(home, newest_started(of_table), hardest) if hardest and of_table else {},
        notes=(drawn,) if isinstance(drawn, str) else (),
        front_ends=front_end_costs(home, table),
    )


def front_end_costs(home: Home, table: ResultsTable) -> tuple[FrontEndCost, ...]:
    """Read what the frames of each front end of a table cost, from the stores in the home.

    Returns:
        The costs in the order of the trials. None of a store that is not here or is damaged, which `ser features check`
        names, and none for results of another version: a store has the frames of this code, which they did not hear.
    """
    folds = [
        fold for trial in table.trials for fold in trial.folds if fold.provenance.results_version == RESULTS_VERSION
    ]
    costs = []
    for digest, settings in dict.fromkeys((fold.corpus.digest, fold.configuration.features) for fold in folds):
        folder = home.features / store_key(digest, settings)
        with suppress(FeatureStoreError, OSError):
            metadata = read_metadata(folder)
            size_bytes = sum(file.stat().st_size for file in folder.iterdir())
            costs.append(FrontEndCost(settings.label, metadata.frames, metadata.width, size_bytes, metadata.build_s))
    return tuple(costs)


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
