"""`ser study`: run a study, and see how studies stand."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studies.cli.options import HOME, HomeOption, StorageOption, TrackingOption
from studies.cli.study.check import check
from studies.cli.study.status import status

if TYPE_CHECKING:
    from studies.cli.progress import StudyDisplay
    from studies.planning.plan import StudyPlan
    from studies.storages.home import Home

app = typer.Typer(
    help="Run studies, and see how they stand.",
    epilog="Example: ser study run --attention quantum",
    no_args_is_help=True,
    rich_markup_mode=None,
)


app.command("status", epilog="Example: ser study status demo-quick-quantum-1a2b3c4d --watch")(status)
app.command("check", epilog="Example: ser study check demo-quick-quantum-1a2b3c4d --repair")(check)


@app.command(
    "run",
    epilog="Example: ser study run --corpus emodb --root corpora/emodb "
    "--attention component --scope 9 --labels phonemes --set ema_decay=off",
)
def run(
    attention: Annotated[
        list[str], typer.Option(help="none, local, component, quantum or all; may be given several times.")
    ],
    corpus: Annotated[str, typer.Option(help="demo, emodb, iemocap, fau_aibo, manifest or audformat.")] = "demo",
    root: Annotated[Path | None, typer.Option(help="Folder of the corpus; the demo corpus has its own.")] = None,
    corpus_set: Annotated[list[str] | None, typer.Option(help="An option of the corpus, as name=value.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="paper, recommended, quick or extended; quick for the demo, else recommended.")
    ] = None,
    labels: Annotated[list[str] | None, typer.Option(help="Label strategy; the recipe's when not given.")] = None,
    scope: Annotated[list[int] | None, typer.Option(help="Frames of the window, odd; the recipe's otherwise.")] = None,
    criterion: Annotated[str | None, typer.Option(help="ctc or cross_entropy; the recipe's when not given.")] = None,
    folds: Annotated[str | None, typer.Option(help="speaker, session, groups:K or given.")] = None,
    seeds: Annotated[int, typer.Option(help="Repetitions of every point, seeds 1 to n.")] = 1,
    trials: Annotated[int | None, typer.Option(help="Points that recipe extended searches; 50 otherwise.")] = None,
    pruner: Annotated[
        str | None, typer.Option(help="none, median or wilcoxon, for recipe extended; median otherwise.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Any other setting, as name=value.")] = None,
    workers: Annotated[int | None, typer.Option(help="Folds at once; as many as there is room for by default.")] = None,
    executor: Annotated[str, typer.Option(help="local, or ray: the cluster at RAY_ADDRESS, or one here.")] = "local",
    gpus: Annotated[float | None, typer.Option(help="Share of a card that a fold takes on a cluster, 0 to 1.")] = None,
    stall_timeout_min: Annotated[
        float, typer.Option(min=0, help="Minutes without an ended epoch until a fold is tried elsewhere; 0: never.")
    ] = 30,
    home: HomeOption = HOME,
    storage: StorageOption = None,
    tracking: TrackingOption = None,
) -> None:
    """Run a study, or go on with it.

    The same command is the same study: what is finished is not trained again, here or in any other
    study, and a study that was stopped, in whatever way, goes on where it was.
    """
    from ser.errors import ConfigurationError
    from studies.cli.arguments import parse_key_values
    from studies.planning.plan import StudyPlan
    from studies.planning.recipes import default_recipe
    from studies.storages.home import Home

    if workers is not None and workers < 1:
        raise ConfigurationError(f"workers {workers} is not a number of folds at once, 1 or more")
    plan = StudyPlan.from_options(
        corpus=corpus,
        recipe=recipe or default_recipe(corpus),
        attentions=tuple(attention),
        labels=tuple(labels or ()),
        scopes=tuple(scope or ()),
        criterion=criterion,
        folds=folds,
        seeds=seeds,
        overrides=parse_key_values("--set", set_ or []),
        corpus_options=parse_key_values("--corpus-set", corpus_set or []),
        trials=trials,
        pruner=pruner,
    )
    stall_timeout_s = 60 * stall_timeout_min if stall_timeout_min else None
    _run_and_report(plan, root, Home(home, storage, tracking), (executor, workers, gpus), stall_timeout_s)


def _run_and_report(
    plan: "StudyPlan",
    root: Path | None,
    place: "Home",
    workers: tuple[str, int | None, float | None],
    stall_timeout_s: float | None,
) -> None:
    """Runs a study, writes the report of its corpus and prints it.

    Args:
        plan: The study.
        root: Folder of the corpus, or None for the demo corpus's own.
        place: Where everything is kept.
        workers: Executor, folds at once, and share of a card for each.
        stall_timeout_s: Seconds without an ended epoch after which a fold is tried elsewhere; None: never.

    Raises:
        StudyError: Folds failed.
    """
    from ser.errors import StudyError
    from studies.cli.arguments import find_study_in
    from studies.cli.progress import StudyDisplay
    from studies.cli.report.command import print_results, write_and_upload_report

    with StudyDisplay() as display:
        where = _corpus_root(plan.corpus, root, place, display)
        from studies.coordination.shutdown import sigterm_as_exit
        from studies.execution.backends import open_backend
        from studies.runner import run_study
        from studies.search.summaries import list_studies

        with sigterm_as_exit(), open_backend(*workers) as workplace:
            outcome = run_study(plan, where, place, workplace, display, display.progress_bar, stall_timeout_s)
        table = outcome.reader.table(display.progress_bar("reading results"))
        known = list_studies(place.storage)
        report = write_and_upload_report(
            table, place, display, find_study_in(known, place, outcome.study, corpus=None), known
        )
    print_results(outcome.study, report, place)
    if outcome.failures:
        raise StudyError(
            f"study {outcome.study}: {len(outcome.failures)} folds failed, and their trials are incomplete in "
            f"the report; the same command tries them again. First: {outcome.failures[0].splitlines()[0]}"
        )


@app.command("list", epilog="Example: ser study list")
def list_(home: HomeOption = HOME, storage: StorageOption = None) -> None:
    """List all studies: trials, best validation UA, and who runs them."""
    from rich.console import Console
    from rich.table import Table

    from studies.search.summaries import list_studies
    from studies.storages.home import Home

    place = Home(home, storage)
    table = Table("study", "trials", "best mean validation UA", "begun", "run by")
    for each in list_studies(place.storage):
        best = "" if each.best_validation_ua is None else f"{100 * each.best_validation_ua:.1f}%"
        by = place.storage.lease_owner(each.name) or "nobody now"
        table.add_row(each.name, each.progress_text, best, each.begun or "", by)
    Console().print(table)


def _corpus_root(corpus: str, root: Path | None, place: "Home", display: "StudyDisplay") -> Path:
    """The corpus's folder; the demo corpus is made where it is missing."""
    from ser.corpora.synthetic.demo import make_demo
    from ser.errors import ConfigurationError

    if corpus != "demo":
        if root is None:
            raise ConfigurationError(f"corpus {corpus} needs its folder: --root FOLDER (with make: ROOT=FOLDER)")
        return root
    where = root or place.demo_corpus
    make_demo(where, display.progress_bar("speaking the demo corpus"))
    return where
