"""Markdown descriptions of runs in the MLflow UI: the result in a sentence, a table, and links.

Names of corpora, speakers and studies are escaped, since users choose them.
"""

from collections.abc import Sequence
from statistics import fmean
from urllib.parse import quote

from mlflow.entities import Run

from tracking import schema
from tracking.analysis.escaping import escape_markdown
from tracking.analysis.trial_result import TrialResult
from tracking.analysis.variants.choice import CHOICE_RULE, Candidate, choose
from tracking.analysis.variants.naming import trial_run_name
from tracking.backend.queries import is_finished, is_quotable, quote_value
from tracking.writing import payloads

MAX_CHARACTERS = 8000
"""Length of a tag at which MLflow cuts it off."""

_MAX_TRIALS = 20
_EN_DASH = "–"


def trial_description(trial: TrialResult, experiment: str) -> str:
    """Describe a complete trial.

    Returns:
        Markdown: its scores in a sentence, its devices if they differ, a table of its folds, and links to
        their curves.
    """
    scores = payloads.trial_scores(trial)
    name = escape_markdown(trial_run_name(trial.folds[0].configuration))
    sentence = (
        f"**{name}**: test UA **{_percent(scores[schema.POOLED_UA])}**, WA {_percent(scores[schema.POOLED_WA])}, "
        f"pooled over {len(trial.folds)} folds; mean validation UA {_percent(scores[schema.MEAN_VALIDATION_UA])}."
    )
    processors = payloads.trial_processor_tag(trial).get(schema.PROCESSOR, "")
    differing = schema.PROCESSOR_SEPARATOR in processors
    warning = [f"Computed on different devices: {escape_markdown(processors)}.", ""] if differing else []
    table = [
        "| fold | test speakers | validation speakers | test UA | test WA | validation UA |",
        "|---|---|---|---:|---:|---:|",
    ]
    for result in trial.folds:
        fold, scores_of_fold = result.fold, payloads.fold_scores(result)
        cells = [fold.name, ", ".join(fold.test_speakers), ", ".join(fold.validation_speakers)]
        values = [scores_of_fold[name] for name in (schema.TEST_UA, schema.TEST_WA, schema.VALIDATION_UA)]
        table.append(_row([*map(escape_markdown, cells), *map(_percent, values)]))
    curves = _address(
        experiment, f'tags."{schema.PARENT}" = {quote_value(trial.reused_from or trial.run_id)}', charts=True
    )
    links = [f"[Curves of its folds]({curves})"]
    if trial.reused_from is not None:
        links.insert(0, f"Trained by [a trial of another study]({run_address(experiment, trial.reused_from)})")
    return _within_limits([sentence, "", *warning], table, ["", " · ".join(links)])


def failed_description(reason: str) -> str:
    """Describe a trial that lacks folds, with the first line of the reason."""
    first_line = escape_markdown(reason.partition("\n")[0])
    text = f"**Failed**, and in no comparison: {first_line}\n\nRun the same command to try it again."
    return text[:MAX_CHARACTERS]


def pruned_description(reason: str) -> str:
    """Describe a pruned trial, with the reason."""
    return f"**Pruned** before its last fold, and in no comparison: {escape_markdown(reason)}"[:MAX_CHARACTERS]


def study_description(study: str, corpus: str, trials: Sequence[Run], experiment: str) -> str:
    """Describe a study.

    Args:
        study: Name of the study.
        corpus: Name of its corpus.
        trials: Runs of its trials.
        experiment: Id of the experiment.

    Returns:
        Markdown: the number of complete trials and the variant that validation chose, a table of the
        trials by validation UA, links to all of them and to the report.
    """
    complete = [run for run in trials if is_finished(run) and _can_be_chosen(run)]
    # By name and identity among equals: in whatever order trials ended, the text is the same.
    complete.sort(key=lambda run: (str(run.info.run_name), run.data.tags.get(schema.TRIAL_ID, "")))
    complete.sort(key=lambda run: run.data.metrics[schema.MEAN_VALIDATION_UA], reverse=True)
    sentence = f"{len(complete)} of {len(trials)} trials of corpus {escape_markdown(corpus)} are complete."
    if complete:
        sentence = f"{_describe_choice(complete)} {sentence}"
    note = f"For significance tests see the report (artifacts, `{schema.REPORT_FOLDER}/index.html`)."
    table = ["| trial | mean validation UA | test UA | test WA |", "|---|---:|---:|---:|"]
    for run in complete[:_MAX_TRIALS]:
        link = f"[{escape_markdown(run.info.run_name)}]({run_address(experiment, run.info.run_id)})"
        names = (schema.MEAN_VALIDATION_UA, schema.POOLED_UA, schema.POOLED_WA)
        table.append(_row([link, *(_percent(run.data.metrics.get(name)) for name in names)]))
    of_study = f'tags."{schema.STUDY}" = {quote_value(study)} and ' if is_quotable(study) else ""
    all_trials = _address(experiment, f"{of_study}tags.\"{schema.KIND}\" = 'trial'")
    link_text = "All trials of this study" if of_study else "All trials of this corpus"
    more = f"; the table shows the first {_MAX_TRIALS}" if len(complete) > _MAX_TRIALS else ""
    return _within_limits([sentence, "", note, ""], table, ["", f"[{link_text}]({all_trials}){more}"])


def _can_be_chosen(run: Run) -> bool:
    """Return whether a run has all that a choice reads; somebody may have changed its tags."""
    scores = {schema.MEAN_VALIDATION_UA, schema.POOLED_UA, schema.POOLED_WA}
    numbers = (run.data.params.get("layers", ""), run.data.tags.get(schema.SCOPE, "0"))
    return scores <= run.data.metrics.keys() and schema.ATTENTION in run.data.tags and all(map(_is_number, numbers))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _describe_choice(runs: Sequence[Run]) -> str:
    """Name the variant that validation chose among complete trials, with its scores over seeds."""
    variants: dict[tuple[tuple[str, str], ...], list[Run]] = {}
    for run in runs:
        settings = sorted((name, value) for name, value in run.data.params.items() if name != "seed")
        variants.setdefault(tuple(settings), []).append(run)
    groups = list(variants.values())
    candidates = list(map(_candidate, groups))
    index = choose(candidates)
    ua, wa = (fmean(run.data.metrics[name] for run in groups[index]) for name in (schema.POOLED_UA, schema.POOLED_WA))
    return (
        f"Best by validation: **{escape_markdown(candidates[index].name)}**, mean validation UA "
        f"{_percent(candidates[index].validation_ua)}, test UA {_percent(ua)}, WA {_percent(wa)} "
        f"(chosen: {CHOICE_RULE})."
    )


def _candidate(runs: Sequence[Run]) -> Candidate:
    """Describe a variant by the runs of its trials, one per seed."""
    first = runs[0].data
    scope = first.tags.get(schema.SCOPE)
    return Candidate(
        name=str(runs[0].info.run_name).removesuffix(f" · seed {first.tags.get(schema.SEED)}"),
        attention=first.tags[schema.ATTENTION],
        scope=None if scope is None else int(scope),
        layers=int(first.params["layers"]),
        validation_ua=fmean(run.data.metrics[schema.MEAN_VALIDATION_UA] for run in runs),
    )


def run_address(experiment: str, run_id: str) -> str:
    """Address of a run's page, relative to any page of the same server."""
    return f"#/experiments/{experiment}/runs/{run_id}?workflowType=machine_learning"


def _address(experiment: str, filter_string: str, charts: bool = False) -> str:
    """Address of an experiment's page that shows the runs of a filter, side by side."""
    # In any order but by time MLflow shows runs side by side; by time it hides folds below their trials.
    order = quote("tags.`mlflow.runName`")
    mode = "&compareRunsMode=CHART" if charts else ""
    query = f"orderByKey={order}&orderByAsc=true&searchFilter={quote(filter_string, safe='')}"
    return f"#/experiments/{experiment}/runs?workflowType=machine_learning{mode}&{query}"


def _within_limits(head: list[str], table: list[str], tail: list[str]) -> str:
    """Join head, table and tail; leave out rows at the table's end where MLflow would cut the text."""
    while len(text := "\n".join([*head, *table, *tail])) > MAX_CHARACTERS and len(table) > 2:
        table = table[:-1]
    return text[:MAX_CHARACTERS]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(share: float | None) -> str:
    return _EN_DASH if share is None else f"{100 * share:.1f}%"
