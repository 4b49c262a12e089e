"""What MLflow shows on top of a run's page: the result in a sentence, a table, and links, as Markdown.

Names of corpora, speakers and studies are the user's own words and come out as text.
"""

from collections.abc import Sequence
from urllib.parse import quote

from mlflow.entities import Run

from tracking import schema
from tracking.analysis.escaping import escape_markdown
from tracking.analysis.trial_result import TrialResult
from tracking.backend.queries import is_finished, quote_value
from tracking.writing import payloads

LONGEST = 8000
"""Characters that MLflow keeps of a tag; it would cut a longer one off."""

_TRIALS = 20
_NONE = "–"


def trial_description(trial: TrialResult, experiment: str) -> str:
    """The description of a complete trial.

    Args:
        trial: The trial.
        experiment: Id of its experiment.

    Returns:
        Markdown: its scores in a sentence, unlike processors if it has any, a table of its folds, and links to
        their curves.
    """
    scores = payloads.trial_scores(trial)
    name = escape_markdown(payloads.trial_run_name(trial.folds[0].configuration))
    sentence = (
        f"**{name}**: test UA **{_percent(scores[schema.POOLED_UA])}**, WA {_percent(scores[schema.POOLED_WA])}, "
        f"pooled over {len(trial.folds)} folds; mean validation UA {_percent(scores[schema.MEAN_VALIDATION_UA])}."
    )
    processors = payloads.trial_processor_tag(trial).get(schema.PROCESSOR, "")
    unlike = (
        [f"Computed on unlike processors: {escape_markdown(processors)}.", ""]
        if schema.PROCESSOR_SEPARATOR in processors
        else []
    )
    table = ["| fold | tests | validates | test UA | test WA | validation UA |", "|---|---|---|---:|---:|---:|"]
    for result in trial.folds:
        each, fold = payloads.fold_scores(result), result.fold
        tests, validates = (", ".join(names) for names in (fold.test_speakers, fold.validation_speakers))
        cells = [fold.name, tests, validates]
        values = [each[score] for score in (schema.TEST_UA, schema.TEST_WA, schema.VALIDATION_UA)]
        table.append(_row([*map(escape_markdown, cells), *map(_percent, values)]))
    curves = _address(experiment, f"tags.\"{schema.PARENT}\" = '{trial.reused_from or trial.run_id}'", charts=True)
    links = [f"[Curves of its folds]({curves})"]
    if trial.reused_from is not None:
        links.insert(0, f"Trained by [a trial of another study]({run_address(experiment, trial.reused_from)})")
    return _within_limits([sentence, "", *unlike], table, ["", " · ".join(links)])


def failed_description(reason: str) -> str:
    """The description of a trial that lacks folds, with the first line of the reason."""
    first = escape_markdown(reason.partition("\n")[0])
    return f"**Failed**, and left out of every comparison: {first}\n\nThe same command tries it again."[:LONGEST]


def pruned_description(reason: str) -> str:
    """The description of a trial that was given up before its last fold, with the reason."""
    return f"**Given up** before its last fold, and in no comparison: {escape_markdown(reason)}"[:LONGEST]


def study_description(study: str, corpus: str, trials: Sequence[Run], experiment: str) -> str:
    """The description of a study.

    Args:
        study: Its name.
        corpus: Name of its corpus.
        trials: Runs of its trials.
        experiment: Id of the experiment.

    Returns:
        Markdown: how many trials are complete and which one validation favours, a table of the
        trials in that order, links to all of them and to the report.
    """
    whole = [run for run in trials if is_finished(run) and schema.MEAN_VALIDATION_UA in run.data.metrics]
    # By name and identity among equals: in whatever order trials ended, the text is the same.
    whole.sort(key=lambda run: (str(run.info.run_name), run.data.tags.get(schema.TRIAL_ID, "")))
    whole.sort(key=lambda run: run.data.metrics[schema.MEAN_VALIDATION_UA], reverse=True)
    sentence = f"{len(whole)} of {len(trials)} trials of corpus {escape_markdown(corpus)} are complete."
    if whole:
        best = whole[0].data.metrics
        sentence = (
            f"Validation favours **{escape_markdown(whole[0].info.run_name)}**: mean validation UA "
            f"{_percent(best[schema.MEAN_VALIDATION_UA])}, test UA {_percent(best[schema.POOLED_UA])}, "
            f"WA {_percent(best[schema.POOLED_WA])}. {sentence}"
        )
    warning = (
        "Whether one variant is better than another is for the report to say "
        f"(artifacts, `{schema.REPORT_FOLDER}/index.html`), not for this table."
    )
    table = ["| trial | mean validation UA | test UA | test WA |", "|---|---:|---:|---:|"]
    for run in whole[:_TRIALS]:
        link = f"[{escape_markdown(run.info.run_name)}]({run_address(experiment, run.info.run_id)})"
        names = (schema.MEAN_VALIDATION_UA, schema.POOLED_UA, schema.POOLED_WA)
        table.append(_row([link, *(_percent(run.data.metrics.get(name)) for name in names)]))
    every = _address(experiment, f'tags."{schema.STUDY}" = {quote_value(study)} and tags."{schema.KIND}" = \'trial\'')
    more = f"; the table shows the first {_TRIALS}" if len(whole) > _TRIALS else ""
    return _within_limits([sentence, "", warning, ""], table, ["", f"[All trials of this study]({every}){more}"])


def run_address(experiment: str, run_id: str) -> str:
    """Where a run's page is, from any page of the same server, among those for training models."""
    return f"#/experiments/{experiment}/runs/{run_id}?workflowType=machine_learning"


def _address(experiment: str, filter_: str, charts: bool = False) -> str:
    """Where the page of an experiment shows the runs of a filter, side by side."""
    # In any order but by time MLflow shows runs side by side; by time it hides folds below their trials.
    order = quote("tags.`mlflow.runName`")
    mode = "&compareRunsMode=CHART" if charts else ""
    query = f"orderByKey={order}&orderByAsc=true&searchFilter={quote(filter_, safe='')}"
    return f"#/experiments/{experiment}/runs?workflowType=machine_learning{mode}&{query}"


def _within_limits(head: list[str], table: list[str], tail: list[str]) -> str:
    """The parts as one text; rows at the table's end are left out where MLflow would cut the text."""
    while len(text := "\n".join([*head, *table, *tail])) > LONGEST and len(table) > 2:
        table = table[:-1]
    return text[:LONGEST]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{100 * share:.1f}%"
