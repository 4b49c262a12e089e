"""Options and help of `ser study`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from studies.cli.lazy_command import lazy_command
from studies.cli.options import CORPORA, FRONT_ENDS, CorpusSet, Download, HomeOptions, StorageOptions

StudyArgument = Annotated[str | None, typer.Argument(help="Name of the study [default: the newest].")]

app = typer.Typer(
    help="Run studies, and show their progress.",
    epilog="Example: ser study run --attention quantum",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@dataclass(frozen=True, kw_only=True)
class StatusOptions(HomeOptions):
    """Options of `ser study status`."""

    study: StudyArgument = None
    watch: Annotated[bool, typer.Option("--watch", help="Show progress live until the study stops.")] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False


@app.command(epilog="Example: ser study status demo-quick-none+quantum-log_mel_prosody-1a2b3c4d --watch")
@lazy_command("studies.cli.study.status:print_status")
def status(options: StatusOptions) -> None:
    """Show one study: its trials, their folds, validation UA, and the reasons of failures.

    --watch works in any terminal that sees the home folder. It adds each worker's folds, the speed, the time left, and
    the best trial by validation UA.
    """


@dataclass(frozen=True, kw_only=True)
class CheckOptions(HomeOptions):
    """Options of `ser study check`."""

    study: StudyArgument = None
    repair: Annotated[bool, typer.Option("--repair", help="Repair every inconsistency; nothing is ever deleted.")] = (
        False
    )


@app.command(epilog="Example: ser study check demo-quick-none+quantum-log_mel_prosody-1a2b3c4d --repair")
@lazy_command("studies.cli.study.check:check")
def check(options: CheckOptions) -> None:
    """Compare a study's results on disk with MLflow's runs and Optuna's trials.

    Reports what is missing, duplicated, orphaned, stuck or changed, and exits with 1 if anything is. --repair tags a
    run that belongs nowhere, or shows other numbers than its result, as superseded, and readers skip it; lost folds are
    retrained by the study's own command. Every study repairs itself when it starts.
    """


@dataclass(frozen=True, kw_only=True)
class RunOptions(HomeOptions):
    """Options of `ser study run`."""

    attention: Annotated[
        list[str] | None, typer.Option(help="none, local, component, quantum or all; may be repeated.")
    ] = None
    file: Annotated[
        Path | None,
        typer.Option(help="Study file in YAML, instead of the options that name a study: ser study show --yaml."),
    ] = None
    baseline: Annotated[
        bool | None,
        typer.Option(
            "--baseline/--no-baseline",
            help="Train attention none, too, and compare with it; recipe 'extended' never adds it "
            "[default: --baseline].",
        ),
    ] = None
    corpus: Annotated[str | None, typer.Option(help=f"{CORPORA} [default: demo].")] = None
    root: Annotated[Path | None, typer.Option(help="Folder of the corpus; not needed for the demo corpus.")] = None
    corpus_set: CorpusSet = None
    recipe: Annotated[
        str | None,
        typer.Option(
            help="paper, recommended, quick or extended [default: quick for the demo corpus, else recommended]."
        ),
    ] = None
    labels: Annotated[
        list[str] | None, typer.Option(help="Label strategy; may be repeated [default: the recipe's].")
    ] = None
    scope: Annotated[
        list[int] | None,
        typer.Option(help="Attention window in frames, odd; may be repeated [default: the recipe's]."),
    ] = None
    features: Annotated[
        list[str] | None,
        typer.Option(help=f"{FRONT_ENDS}; may be repeated [default: log_mel; the demo's is log_mel_prosody]."),
    ] = None
    download: Download = False
    criterion: Annotated[str | None, typer.Option(help="ctc, cross_entropy or joint [default: the recipe's].")] = None
    folds: Annotated[str | None, typer.Option(help="speaker, session, groups:K or given [default: the recipe's].")] = (
        None
    )
    seeds: Annotated[
        int | None, typer.Option(help="Repetitions of every configuration, with seeds 1 to n [default: 1].")
    ] = None
    trials: Annotated[
        int | None, typer.Option(help="Configurations to search with recipe 'extended' [default: 50].")
    ] = None
    pruner: Annotated[
        str | None, typer.Option(help="Pruner for recipe 'extended': none, median (default) or wilcoxon.")
    ] = None
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any other setting, as name=value; may be repeated.")
    ] = None
    opensmile_baselines: Annotated[
        bool,
        typer.Option(
            "--opensmile-baselines",
            help="Train linear SVMs on openSMILE's functionals, too, as rows of the report; takes minutes.",
        ),
    ] = False
    workers: Annotated[
        int | None, typer.Option(help="Folds trained at once [default: as many as the machine has room for].")
    ] = None
    device: Annotated[
        str | None, typer.Option(help="cpu, or cuda: NVIDIA GPUs [default: cuda where there are GPUs].")
    ] = None
    executor: Annotated[
        str, typer.Option(help="local, or ray: the cluster at RAY_ADDRESS, or a new one on this machine.")
    ] = "local"
    gpus: Annotated[float | None, typer.Option(help="Share of a GPU per fold on a cluster, 0 to 1.")] = None
    stall_timeout_min: Annotated[
        float, typer.Option(min=0, help="Minutes without an epoch after which a fold is retried elsewhere; 0: never.")
    ] = 30


@app.command(
    epilog="Example: ser study run --corpus emodb --root corpora/emodb "
    "--attention component --scope 9 --labels phonemes --set ema_decay=off",
)
@lazy_command("studies.cli.study.run:run")
def run(options: RunOptions) -> None:
    """Run a study, or resume it.

    A study of attentions trains attention none beside them, with the same settings, and compares each with it: a study
    of quantum is named none+quantum. --no-baseline leaves it out.

    The options identify the study: rerun the command after an interruption and it continues. Finished folds are never
    retrained, neither those of this study nor those of another. A study file names the same study: --file study.yaml.
    """


@dataclass(frozen=True, kw_only=True)
class ShowOptions(StorageOptions):
    """Options of `ser study show`."""

    study: StudyArgument = None
    yaml: Annotated[bool, typer.Option("--yaml", help="Print a study file, for: ser study run --file FILE.")] = False


@app.command(epilog="Example: ser study show demo-quick-none+quantum-log_mel_prosody-1a2b3c4d --yaml > study.yaml")
@lazy_command("studies.cli.study.show:show")
def show(options: ShowOptions) -> None:
    """Print the command that runs a study, or its study file."""


@app.command("list", epilog="Example: ser study list")
@lazy_command("studies.cli.study.list:print_studies")
def list_(options: StorageOptions) -> None:
    """List all studies: trials, best validation UA, and whether they run."""
