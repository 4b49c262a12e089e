"""Run a study, and report its corpus."""

from pathlib import Path

from ser.corpora.registry import LOADERS
from ser.corpora.synthetic.demo import make_demo
from ser.errors import ConfigurationError, StudyError, unknown_value_message
from studies.cli.arguments import find_study_in, open_home, parse_key_values
from studies.cli.report.command import write_current_report
from studies.cli.report.summary import print_results
from studies.cli.study.commands import RunOptions
from studies.cli.terminal.progress import StudyDisplay, print_message
from studies.coordination.shutdown import sigterm_as_exit
from studies.execution.backends import open_backend
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.planning.recipes import default_recipe
from studies.reporting.report_upload import upload_to_study_run
from studies.runner import run_study
from studies.search.summaries import list_studies


def run(options: RunOptions) -> None:
    """Run a study, write the report of its corpus and print it.

    Raises:
        ConfigurationError: An option has no valid value.
        StudyError: Folds failed.
    """
    if options.workers is not None and options.workers < 1:
        raise ConfigurationError(f"--workers must be 1 or more, got {options.workers}")
    plan, home = _plan(options), open_home(options)
    stall_timeout_s = 60 * options.stall_timeout_min or None
    with StudyDisplay() as display:
        root = _corpus_root(plan.corpus, options.root, home.demo_corpus, display)
        with (
            sigterm_as_exit(),
            open_backend(options.executor, options.workers, options.gpus, options.device) as backend,
        ):
            outcome = run_study(plan, root, home, backend, display, display.progress_bar, stall_timeout_s)
        studies = list_studies(home.storage)
        study = find_study_in(studies, home, outcome.study, corpus=None)
        report = write_current_report(home, outcome.location, studies, display)
    print_results(outcome.study, report, home)
    if report is not None:
        upload_to_study_run(report.page.parent, home, study, print_message)
    if outcome.failures:
        raise StudyError(
            f"study {outcome.study}: {len(outcome.failures)} folds failed, so the report lacks them; run the same "
            f"command again to retry. First: {outcome.failures[0].splitlines()[0]}"
        )


def _plan(options: RunOptions) -> StudyPlan:
    return StudyPlan.from_options(
        StudyOptions(
            corpus=options.corpus,
            recipe=options.recipe or default_recipe(options.corpus),
            attentions=tuple(options.attention),
            baseline=options.baseline,
            labels=tuple(options.labels or ()),
            scopes=tuple(options.scope or ()),
            criterion=options.criterion,
            folds=options.folds,
            seeds=options.seeds,
            overrides=parse_key_values("--set", options.set_ or []),
            corpus_options=parse_key_values("--corpus-set", options.corpus_set or []),
            trials=options.trials,
            pruner=options.pruner,
            features=tuple(options.features or ()),
            download=options.download,
        )
    )


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
