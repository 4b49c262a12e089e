"""Read the decisions of all studies of a corpus as a table."""

from pathlib import Path

import pandas as pd

from ser.errors import StudyError
from studies.cli.arguments import find_study_in
from studies.cli.terminal.progress import StudyDisplay
from studies.reporting.results_reader import ResultsReader
from studies.search.summaries import list_studies
from studies.storages.home import Home
from studies.storages.takeover import take_over_results
from tracking.analysis.prediction_frame import baseline_frames, decision_frame
from tracking.analysis.variants.classical import score_baselines
from tracking.analysis.variants.grouping import group_variants
from tracking.results.store import ResultStore


def results(
    corpus: str | None = None,
    *,
    home: Path | str = "data",
    storage: str | None = None,
    tracking: str | None = None,
    classical: bool = False,
) -> pd.DataFrame:
    """Read the test decisions of every variant, of all studies of a corpus.

    Args:
        corpus: Name of the corpus, or None for that of the newest study. Of its fold schemes the newest study's counts.
        home: Folder of results and reports.
        storage: PostgreSQL database of studies, or None for SQLite in the home.
        tracking: MLflow tracking server from which missing results are fetched, or None.
        classical: Whether classical baselines, such as logistic regression, have rows, too, with seed 0.

    Returns:
        One row for each variant, fold, seed and test utterance, see `decision_frame`. Variants are named as in the
        report. Folds that are not trained yet have no rows.

    Raises:
        StudyError: There is no study of the corpus, or it has no result yet.
    """
    opened = Home(Path(home).expanduser(), storage, tracking)
    with StudyDisplay() as display:
        take_over_results(opened, display.on_message, display.progress_bar)
    studies = list_studies(opened.storage)
    study = find_study_in(studies, opened, name=None, corpus=corpus)
    if study.location is None:
        raise StudyError(f"study {study.name} was stopped before its first fold; run it again")
    reader = ResultsReader(opened, study.location)
    reader.fetch(studies)
    store = ResultStore(opened.results)
    table = reader.table(studies)
    frames = [
        decision_frame(variant.label, seed, fold.fold.name, store.result(fold.identity))
        for variant in group_variants(table.trials)
        for seed in variant.seeds
        for fold in variant.folds[seed]
    ]
    if not frames:
        raise StudyError(f"no fold of corpus {study.plan.corpus_name} has a result yet; see: ser study status")
    if classical:
        for baseline in score_baselines(table.baselines):
            frames += baseline_frames(baseline.label, baseline.result)
    return pd.concat(frames, ignore_index=True)
