"""Tables of provenance: missing folds, studies, settings, versions and digests."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.rendering.formatting import NOT_APPLICABLE
from tracking.analysis.report.tables.rendering.model import Cell, Column, Table, number_cell, text_cell
from tracking.analysis.report_context import ReportContext, StudyInfo
from tracking.analysis.results_table import ScoredTrial
from tracking.analysis.variants.naming import FIXED, flatten_settings


def incomplete_table(analysis: Analysis, context: ReportContext) -> Table:
    """Make the table of incomplete variants, trials without folds, and unfinished studies."""
    rows = [
        (text_cell(variant.label), text_cell(variant.recipe), text_cell(variant.incomplete))
        for variant in analysis.variants
        if not variant.complete
    ]
    rows += [
        (
            text_cell(f"trial {trial.trial_id[:12]} of {trial.study}"),
            text_cell(trial.recipe),
            text_cell("no fold has a result yet"),
        )
        for trial in analysis.trials_without_folds
    ]
    rows += [
        (text_cell(f"study {name}"), text_cell(NOT_APPLICABLE), text_cell(_state(study)))
        for name, study in context.studies.items()
        if study.trials_done < study.trials
    ]
    return Table(
        "missing",
        "What is missing",
        "Incomplete variants are shown, marked, and never compared.",
        (Column("variant", numeric=False), Column("recipe", numeric=False), Column("missing", numeric=False)),
        tuple(rows),
    )


def pruned_table(analysis: Analysis) -> Table:
    """Make the table of pruned trials."""
    rows = []
    for pruned in analysis.table.pruned:
        done, folds = len(pruned.trial.folds), len(pruned.trial.scheme)
        rows.append(
            (
                text_cell(pruned.name),
                text_cell(pruned.trial.study),
                number_cell(f"{done} of {folds}", done),
                text_cell(pruned.reason),
            )
        )
    return Table(
        "pruned",
        "Pruned trials",
        "Stopped before their last fold because other trials had higher validation scores; repetitions of the same "
        "point are listed, too. They are not compared, and 'selected per fold' does not choose among them.",
        (
            Column("trial", numeric=False),
            Column("study", numeric=False),
            Column("folds", "folds that have a result, of all"),
            Column("reason", numeric=False),
        ),
        tuple(rows),
    )


def studies_table(analysis: Analysis, context: ReportContext) -> Table:
    """Make the table of studies in the report, with the command that runs each again."""
    trials_by_study: dict[str, list[ScoredTrial]] = defaultdict(list)
    for trial in analysis.table.trials:
        trials_by_study[trial.study].append(trial)
    return Table(
        "studies",
        "Studies, and how to run them again",
        "The same command on the same corpus (see the digest below) resumes the study: it trains only missing folds. "
        "Trials that several studies share are listed with the study that trained them.",
        (
            Column("study", numeric=False),
            Column("recipe", numeric=False),
            Column("state", numeric=False),
            Column("trials here", "trials in this report, each once"),
            Column("commit", "git commit of the code; + for uncommitted changes", numeric=False),
            Column("command", numeric=False),
        ),
        tuple(_study_cells(name, trials, context) for name, trials in sorted(trials_by_study.items())),
    )


def _study_cells(name: str, trials: Sequence[ScoredTrial], context: ReportContext) -> tuple[Cell, ...]:
    study = context.studies.get(name)
    return (
        text_cell(name),
        text_cell(", ".join(sorted({trial.recipe for trial in trials}))),
        text_cell(NOT_APPLICABLE if study is None else _state(study)),
        number_cell(str(len(trials)), len(trials)),
        text_cell(NOT_APPLICABLE if study is None or not study.commit else f"{study.commit[:12]}{'+' * study.dirty}"),
        text_cell(NOT_APPLICABLE if study is None else study.command),
    )


def _state(study: StudyInfo) -> str:
    progress = f"{study.trials_done} of {study.trials} trials have ended"
    return f"{progress}, running" if study.running else progress


def _format_setting(value: Any) -> str:
    if value is None:
        return NOT_APPLICABLE
    return f"{value:g}" if isinstance(value, float) else str(value)


def settings_tables(analysis: Analysis) -> tuple[Table, Table]:
    """Make the tables of settings that all variants share, and of those in which they differ."""
    fixed = [variant for variant in analysis.variants if variant.kind == FIXED]
    settings = [flatten_settings(variant.configuration) for variant in fixed]
    names = [name for name in dict.fromkeys(name for values in settings for name in values) if name != "seed"]
    differing = [name for name in names if len({_format_setting(values.get(name)) for values in settings}) > 1]
    shared = [name for name in names if name not in differing]
    shared_table = Table(
        "settings_shared",
        "Settings that all variants share",
        "Lengths in seconds (_s), rates in hertz (_hz). – for a setting that is off or without effect.",
        (Column("setting", numeric=False), Column("value", numeric=False)),
        tuple((text_cell(name), _setting_cell(settings[0].get(name))) for name in shared),
    )
    differing_table = Table(
        "settings",
        "Settings of each variant",
        "Only settings in which variants differ; the table above has the others. Trials are named by the first digits "
        "of their digests, one trial per seed.",
        (
            Column("variant", numeric=False),
            Column("recipe", numeric=False),
            *(Column(name, numeric=False) for name in differing),
            Column("seeds", numeric=False),
            Column("trials", numeric=False),
        ),
        tuple(
            (
                text_cell(variant.label),
                text_cell(variant.recipe),
                *(_setting_cell(values.get(name)) for name in differing),
                text_cell(", ".join(map(str, variant.seeds))),
                text_cell(", ".join(trial.trial_id[:8] for trial in variant.trials)),
            )
            for variant, values in zip(fixed, settings, strict=True)
        ),
    )
    return shared_table, differing_table


def _setting_cell(value: Any) -> Cell:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number_cell(_format_setting(value), value)
    return text_cell(_format_setting(value))


def provenance_table(analysis: Analysis) -> Table:
    """Make the table of corpus, digests and versions."""
    facts: dict[str, dict[str, None]] = defaultdict(dict)
    for fold in analysis.all_folds():
        facts["corpus"][fold.corpus.name] = None
        facts["corpus digest"][fold.corpus.digest] = None
        facts["classes"][", ".join(fold.corpus.emotions)] = None
        facts["fold scheme"][fold.fold.scheme] = None
        facts["results version"][str(fold.results_version)] = None
        for name, value in fold.environment.items():
            facts[name][value] = None
    return Table(
        "origins",
        "Corpus, digests and versions",
        "The corpus digest covers decoded samples, labels, speakers and counts, not file names.",
        (Column("fact", numeric=False), Column("value", numeric=False)),
        tuple((text_cell(name), text_cell(" | ".join(values))) for name, values in facts.items()),
    )
