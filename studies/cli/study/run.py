"""Run a study, and report its corpus."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ser.corpora.registry import LOADERS
from ser.corpora.synthetic.demo import make_demo
from ser.errors import ConfigurationError, StudyError, unknown_value_message
from studies.cli.arguments import find_study_in, open_home, parse_key_values
from studies.cli.report.command import write_current_report
from studies.cli.report.summary import print_results
from studies.cli.study.commands import RunOptions
from studies.cli.terminal.progress import StudyDisplay, print_message
from studies.coordination.retries import STALL_TIMEOUT_S
from studies.coordination.shutdown import sigterm_as_exit
from studies.execution.backends import open_backend
from studies.planning.plan import StudyPlan
from studies.planning.study_file import read_study_file
from studies.planning.study_keys import StudyKeys, options_of_keys
from studies.reporting.report_runner import Report
from studies.reporting.report_upload import upload_to_study_run
from studies.reporting.unseen import UnseenRequest
from studies.runner import Outcome, run_study
from studies.search.summaries import StudySummary, list_studies
from studies.storages.home import Home


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Where and how a study's folds, and its classical baselines, are trained.

    Attributes:
        executor: 'local' or 'ray'.
        workers: Folds at once, 1 or more, or None for as many as there is room for.
        gpus: Share of a GPU that a fold takes on a cluster, or None.
        device: 'cpu' or 'cuda', or None for GPUs where there are any.
        stall_timeout_s: Time without an epoch after which a fold is tried again; None for never.
        opensmile_baselines: Whether to train linear SVMs on openSMILE's functionals, too.
    """

    executor: str = "local"
    workers: int | None = None
    gpus: float | None = None
    device: str | None = None
    stall_timeout_s: float | None = STALL_TIMEOUT_S
    opensmile_baselines: bool = False


def run(options: RunOptions) -> None:
    """Run a study, write the report of its corpus and print it.

    Raises:
        ConfigurationError: An option has no valid value.
        StudyError: Folds failed.
    """
    resources = Resources(
        executor=options.executor,
        workers=options.workers,
        gpus=options.gpus,
        device=options.device,
        stall_timeout_s=60 * options.stall_timeout_min or None,
        opensmile_baselines=options.opensmile_baselines,
    )
    plan, root = _plan_and_root(options)
    home = open_home(options)
    outcome, study, report = run_and_report(plan, root, home, resources)
    print_results(outcome.study, report, home)
    if report is not None:
        upload_to_study_run(report.page.parent, home, study, print_message)
    check_failures(outcome)


def run_and_report(
    plan: StudyPlan, root: Path | None, home: Home, resources: Resources
) -> tuple[Outcome, StudySummary, Report | None]:
    """Run a study, and write the report of its corpus; progress is shown on standard error.

    Args:
        plan: The study's plan.
        root: Folder of the corpus, or None for the demo corpus in the home.
        home: The data directory.
        resources: Where and how folds are trained.

    Returns:
        The outcome, the study, and the report where a fold has a result.
    """
    if resources.workers is not None and resources.workers < 1:
        raise ConfigurationError(f"--workers must be 1 or more, got {resources.workers}")
    with StudyDisplay() as display:
        root = _corpus_root(plan.corpus, root, home.demo_corpus, display)
        with (
            sigterm_as_exit(),
            open_backend(resources.executor, resources.workers, resources.gpus, resources.device) as backend,
        ):
            timeout_s, opensmile = resources.stall_timeout_s, resources.opensmile_baselines
            outcome = run_study(plan, root, home, backend, display, display.progress_bar, timeout_s, opensmile)
        studies = list_studies(home.storage)
        study = find_study_in(studies, home, outcome.study)
        unseen = UnseenRequest(corpus=outcome.corpus)
        return outcome, study, write_current_report(home, outcome.location, studies, display, unseen=unseen)


def check_failures(outcome: Outcome) -> None:
    """Refuse a study whose folds failed.

    Raises:
        StudyError: Some did; the text has the first reason.
    """
    if outcome.failures:
        raise StudyError(
            f"study {outcome.study}: {len(outcome.failures)} folds failed, so the report lacks them; run the same "
            f"command again to retry. First: {outcome.failures[0].splitlines()[0]}"
        )


def _plan_and_root(options: RunOptions) -> tuple[StudyPlan, Path | None]:
    """Make the plan of the options or of the study file, and name the folder of its corpus.

    Raises:
        ConfigurationError: Neither or both of them name a study, or a value is not valid.
    """
    keys = _keys(options)
    if options.file is None:
        if not options.attention:
            raise ConfigurationError("expected --attention, such as --attention quantum, or --file study.yaml")
        return StudyPlan.from_options(options_of_keys(keys, options.download)), options.root
    if keys:
        names = ", ".join(_option_name(name, value) for name, value in keys.items())
        raise ConfigurationError(f"{options.file} names the whole study; leave out {names}, or edit a copy of the file")
    study_file = read_study_file(options.file, options.download)
    return study_file.plan, options.root or study_file.root


def _option_name(key: str, value: object) -> str:
    return f"--{'no-' * (value is False)}{key.replace('_', '-')}"


def _keys(options: RunOptions) -> StudyKeys:
    """Return the options that name a study, without those that are not set."""
    values = {
        "corpus": options.corpus,
        "corpus_set": parse_key_values("--corpus-set", options.corpus_set or []) or None,
        "recipe": options.recipe,
        "attention": options.attention or None,
        "baseline": options.baseline,
        "labels": options.labels or None,
        "scope": options.scope or None,
        "features": options.features or None,
        "criterion": options.criterion,
        "folds": options.folds,
        "seeds": options.seeds,
        "trials": options.trials,
        "pruner": options.pruner,
        "set": parse_key_values("--set", options.set_ or []) or None,
    }
    return cast(StudyKeys, {name: value for name, value in values.items() if value is not None})


def _corpus_root(corpus: str, root: Path | None, demo_root: Path, display: StudyDisplay) -> Path:
    """Return the corpus's folder; the demo corpus is made where it is missing.

    Raises:
        ConfigurationError: There is no such corpus, or it is another one and its folder is not given.
    """
    if corpus not in LOADERS:
        raise ConfigurationError(unknown_value_message("corpus", corpus, LOADERS))
    if corpus == "demo":
        make_demo(root or demo_root, display.progress_bar("speaking the demo corpus"))
        return root or demo_root
    if root is None:
        raise ConfigurationError(f"corpus {corpus} needs its folder: --root FOLDER (with make: ROOT=FOLDER)")
    return root.expanduser()
