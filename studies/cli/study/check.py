"""`ser study check`: do a study's points, Optuna, MLflow and the outbox agree?"""

from typing import TYPE_CHECKING, Annotated

import typer

from studies.cli.options import HOME, HomeOption, StorageOption, TrackingOption

if TYPE_CHECKING:
    from studies.consistency.study_check import CheckResult


def check(
    study: Annotated[str | None, typer.Argument(help="Name of the study; the newest when not given.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what is found; nothing is ever deleted.")] = False,
    home: HomeOption = HOME,
    storage: StorageOption = None,
    tracking: TrackingOption = None,
) -> None:
    """Compare a study's points, Optuna's trials, MLflow's runs and the outbox.

    Says what is missing, doubled, orphaned or stuck, and exits with 1 where anything is. A run
    without a place is tagged as superseded by --repair, and skipped by whoever reads; folds that are
    lost are trained again by the study's own command. Every start of a study mends by itself.
    """
    from studies.cli.arguments import find_study
    from studies.consistency.study_check import check_study
    from studies.storages.home import Home

    place = Home(home, storage, tracking)
    summary = find_study(place, study, corpus=None)
    checked = check_study(place, summary, repair)
    for finding in checked.mended:
        typer.echo(f"mended, {finding.kind}: {finding.text}")
    for finding in checked.findings:
        typer.echo(f"{finding.kind}: {finding.text}")
    typer.echo(_summary(summary.name, checked))
    if checked.findings:
        raise typer.Exit(1)


def _summary(study: str, checked: "CheckResult") -> str:
    found = len(checked.findings)
    verdict = "nothing is wrong" if not found else f"{found} wrong; mend with: ser study check {study} --repair"
    left = f"{checked.trials_open} of {checked.trials} trials and {checked.folds_open} folds are left to be done"
    waiting = f", {checked.waiting} results wait in the outbox" if checked.waiting else ""
    held = f"; run by {checked.running_by}, whose open runs are in order" if checked.running_by else ""
    return f"{study}: {verdict}; {left}{waiting}{held}"
