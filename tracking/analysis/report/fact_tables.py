"""Tables of facts: what is missing, which studies, settings, versions and digests stand behind the numbers."""

import shlex
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ser.config import FoldConfiguration
from tracking.analysis.overview import Overview
from tracking.analysis.report.formats import NONE
from tracking.analysis.report.tables import Cell, Column, Table, number, text
from tracking.analysis.variants import FIXED
from tracking.results import TrialResult


def missing_table(overview: Overview) -> Table:
    """Variants with missing folds, and trials without any."""
    rows = [
        (text(entry.variant.label), text(entry.variant.recipe), text(entry.variant.incomplete))
        for entry in overview.scored
        if not entry.variant.complete
    ]
    rows += [
        (text(f"trial {trial.trial_id[:12]} of {trial.study}"), text(trial.recipe), text("no fold has a result yet"))
        for trial in overview.waiting
    ]
    return Table(
        "missing",
        "What is missing",
        "Incomplete variants are shown, marked, and never compared.",
        (Column("variant", numeric=False), Column("recipe", numeric=False), Column("missing", numeric=False)),
        tuple(rows),
    )


def studies_table(overview: Overview) -> Table:
    """The studies behind the report, and the command that runs each again."""
    studies: dict[str, list[TrialResult]] = defaultdict(list)
    for trial in overview.table.trials:
        studies[trial.study].append(trial)
    return Table(
        "studies",
        "Studies, and how to run them again",
        "The same command on the same corpus (see the digest below) is the same study: it trains what is missing and "
        "nothing twice. Corpora other than the demo corpus need ROOT=, their folder.",
        (
            Column("study", numeric=False),
            Column("recipe", numeric=False),
            Column("trials"),
            Column("complete"),
            Column("reused", "trials whose folds another study had trained"),
            Column("command", numeric=False),
        ),
        tuple(
            (
                text(study),
                text(", ".join(sorted({trial.recipe for trial in trials}))),
                number(str(len(trials)), len(trials)),
                number(str(sum(trial.complete for trial in trials)), sum(trial.complete for trial in trials)),
                number(*_count(sum(trial.reused_from is not None for trial in trials))),
                text(_command(trials)),
            )
            for study, trials in sorted(studies.items())
        ),
    )


def _count(value: int) -> tuple[str, float]:
    return str(value), value


def _command(trials: Sequence[TrialResult]) -> str:
    """The make command of a study, from what its trials have in common; '–' where none has a fold."""
    folds = [trial.folds[0] for trial in trials if trial.folds]
    if not folds:
        return NONE
    attentions = dict.fromkeys(fold.configuration.attention for fold in folds)
    options = {"CORPUS": folds[0].corpus.name, "RECIPE": trials[0].recipe}
    if all(fold.configuration.criterion == "cross_entropy" for fold in folds):
        options["CRITERION"] = "cross_entropy"
    seeds = len({fold.configuration.seed for fold in folds})
    if seeds > 1:
        options["SEEDS"] = str(seeds)
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in options.items())
    return "; ".join(f"make study ATTN={attention} {words}" for attention in attentions)


def _setting_words(value: Any) -> str:
    if value is None:
        return NONE
    return f"{value:g}" if isinstance(value, float) else str(value)


def _flat(configuration: FoldConfiguration) -> dict[str, Any]:
    settings = dict(configuration)
    features = settings.pop("features")
    del settings["seed"]
    return {**settings, **dict(features)}


def settings_tables(overview: Overview) -> tuple[Table, Table]:
    """Settings that all variants share, and those in which they differ."""
    fixed = [entry.variant for entry in overview.scored if entry.variant.kind == FIXED]
    settings = [_flat(variant.configuration) for variant in fixed]
    names = list(settings[0]) if settings else []
    differing = [name for name in names if len({_setting_words(one[name]) for one in settings}) > 1]
    shared = [name for name in names if name not in differing]
    common = Table(
        "settings_shared",
        "Settings that all variants share",
        "Lengths in seconds (_s), rates in hertz (_hz). – stands for a setting that is off or without effect.",
        (Column("setting", numeric=False), Column("value", numeric=False)),
        tuple((text(name), _setting(settings[0][name])) for name in shared),
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
                text(variant.label),
                text(variant.recipe),
                *(_setting(one[name]) for name in differing),
                text(", ".join(map(str, variant.seeds))),
                text(", ".join(trial.trial_id[:8] for trial in variant.trials)),
            )
            for variant, one in zip(fixed, settings, strict=True)
        ),
    )
    return common, own


def _setting(value: Any) -> Cell:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(_setting_words(value), value)
    return text(_setting_words(value))


def origins_table(overview: Overview) -> Table:
    """Corpus, digests and versions."""
    facts: dict[str, dict[str, None]] = defaultdict(dict)
    for fold in overview.fold_results():
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
        tuple((text(name), text(" | ".join(values))) for name, values in facts.items()),
    )
