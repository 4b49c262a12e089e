"""Tables of facts: what is missing, which studies, settings, versions and digests stand behind the numbers."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ser.config import FoldConfiguration
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.formatting import EM_DASH
from tracking.analysis.report.tables.model import Cell, Column, Table, number_cell, text_cell
from tracking.analysis.report_context import ReportContext, StudyInfo
from tracking.analysis.results_table import ScoredTrial
from tracking.analysis.variants.naming import FIXED


def incomplete_table(overview: Analysis, background: ReportContext) -> Table:
    """Variants with missing folds, trials without any, and studies with trials to come."""
    rows = [
        (text_cell(entry.label), text_cell(entry.recipe), text_cell(entry.incomplete))
        for entry in overview.variants
        if not entry.complete
    ]
    rows += [
        (
            text_cell(f"trial {trial.trial_id[:12]} of {trial.study}"),
            text_cell(trial.recipe),
            text_cell("no fold has a result yet"),
        )
        for trial in overview.trials_without_folds
    ]
    rows += [
        (text_cell(f"study {study}"), text_cell(EM_DASH), text_cell(_state(origin)))
        for study, origin in background.studies.items()
        if origin.trials_done < origin.trials
    ]
    return Table(
        "missing",
        "What is missing",
        "Incomplete variants are shown, marked, and never compared.",
        (Column("variant", numeric=False), Column("recipe", numeric=False), Column("missing", numeric=False)),
        tuple(rows),
    )


def pruned_table(overview: Analysis) -> Table:
    """Trials that were given up before their last fold."""
    rows = []
    for each in overview.table.pruned:
        done, folds = len(each.trial.folds), len(each.trial.scheme)
        rows.append(
            (
                text_cell(each.name),
                text_cell(each.trial.study),
                number_cell(f"{done} of {folds}", done),
                text_cell(each.reason),
            )
        )
    return Table(
        "pruned",
        "Pruned trials",
        "Given up before their last fold, by validation scores, because other trials did better; with them all "
        "repetitions of the same point. They are compared with nothing and are no candidates of 'selected per fold'.",
        (
            Column("trial", numeric=False),
            Column("study", numeric=False),
            Column("folds", "folds that have a result, of all"),
            Column("reason", numeric=False),
        ),
        tuple(rows),
    )


def studies_table(overview: Analysis, background: ReportContext) -> Table:
    """The studies behind the report, and the command that runs each again."""
    studies: dict[str, list[ScoredTrial]] = defaultdict(list)
    for trial in overview.table.trials:
        studies[trial.study].append(trial)
    return Table(
        "studies",
        "Studies, and how to run them again",
        "The same command on the same corpus (see the digest below) is the same study: it trains what is missing and "
        "nothing twice. Trials that several studies share stand with the one that trained them.",
        (
            Column("study", numeric=False),
            Column("recipe", numeric=False),
            Column("state", numeric=False),
            Column("trials here", "trials in this report, each once"),
            Column("commit", "git commit of the code; + stands for changes that were not committed", numeric=False),
            Column("command", numeric=False),
        ),
        tuple(_study_cells(study, trials, background) for study, trials in sorted(studies.items())),
    )


def _study_cells(study: str, trials: Sequence[ScoredTrial], background: ReportContext) -> tuple[Cell, ...]:
    origin = background.studies.get(study)
    return (
        text_cell(study),
        text_cell(", ".join(sorted({trial.recipe for trial in trials}))),
        text_cell(EM_DASH if origin is None else _state(origin)),
        number_cell(str(len(trials)), len(trials)),
        text_cell(EM_DASH if origin is None or not origin.commit else f"{origin.commit[:12]}{'+' * origin.dirty}"),
        text_cell(EM_DASH if origin is None else origin.command),
    )


def _state(origin: StudyInfo) -> str:
    done = f"{origin.trials_done} of {origin.trials} trials have ended"
    return f"{done}, running" if origin.running else done


def _format_setting(value: Any) -> str:
    if value is None:
        return EM_DASH
    return f"{value:g}" if isinstance(value, float) else str(value)


def _flatten_settings(configuration: FoldConfiguration) -> dict[str, Any]:
    settings = dict(configuration)
    features = settings.pop("features")
    del settings["seed"]
    return {**settings, **dict(features)}


def settings_tables(overview: Analysis) -> tuple[Table, Table]:
    """Settings that all variants share, and those in which they differ."""
    fixed = [entry for entry in overview.variants if entry.kind == FIXED]
    settings = [_flatten_settings(variant.configuration) for variant in fixed]
    names = list(settings[0]) if settings else []
    differing = [name for name in names if len({_format_setting(one[name]) for one in settings}) > 1]
    shared = [name for name in names if name not in differing]
    common = Table(
        "settings_shared",
        "Settings that all variants share",
        "Lengths in seconds (_s), rates in hertz (_hz). – stands for a setting that is off or without effect.",
        (Column("setting", numeric=False), Column("value", numeric=False)),
        tuple((text_cell(name), _setting(settings[0][name])) for name in shared),
    )
    own = Table(
        "settings",
        "Settings of each variant",
        "Only those in which variants differ; the table above holds the others. Trials by the first digits of their "
        "digests, one a seed.",
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
                *(_setting(one[name]) for name in differing),
                text_cell(", ".join(map(str, variant.seeds))),
                text_cell(", ".join(trial.trial_id[:8] for trial in variant.trials)),
            )
            for variant, one in zip(fixed, settings, strict=True)
        ),
    )
    return common, own


def _setting(value: Any) -> Cell:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number_cell(_format_setting(value), value)
    return text_cell(_format_setting(value))


def provenance_table(overview: Analysis) -> Table:
    """Corpus, digests and versions."""
    facts: dict[str, dict[str, None]] = defaultdict(dict)
    for fold in overview.all_folds():
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
