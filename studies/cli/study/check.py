"""Print whether a study's results on disk, MLflow and Optuna agree."""

import typer

from studies.cli.arguments import find_study, open_home
from studies.cli.study.commands import CheckOptions
from studies.cli.terminal.progress import StudyDisplay, print_message
from studies.cli.terminal.text_output import printable
from studies.consistency.study_check import CheckResult, check_study, repair_study
from studies.search.session import StudySession
from studies.storages.artifact_locations import hold_artifact_locations
from studies.storages.takeover import take_over_results


def check(options: CheckOptions) -> None:
    """Print repairs and inconsistencies, one per line, then a summary.

    Raises:
        Exit: With code 1, where an inconsistency is left.
    """
    home = open_home(options)
    study = find_study(home, options.study)
    with hold_artifact_locations(home, print_message), StudyDisplay() as display:
        take_over_results(home, display.on_message, display.progress_bar)
        session = StudySession.reopen(home, study, display.on_message)
        progress = display.progress_bar("comparing results and runs")
        if options.repair:
            with home.storage.acquire_lease(study.name) as lease:
                result = repair_study(session, lease, progress=progress)
        else:
            result = check_study(session, progress)
    for message in result.messages:
        typer.echo(printable(message))
    for inconsistency in result.findings:
        typer.echo(printable(f"{inconsistency.kind}: {inconsistency.text}"))
    typer.echo(printable(f"{study.name}: {_summary(study.name, result)}"))
    if result.findings:
        raise typer.Exit(1)


def _summary(study: str, result: CheckResult) -> str:
    """Describe a check in one line: verdict, open trials and folds, and the process that runs it."""
    count = len(result.findings)
    verdict = f"{count} inconsistent; repair with: ser study check {study} --repair" if count else "consistent"
    complete = f"{result.trials - result.trials_open} of {result.trials} trials complete"
    left = f"{result.folds_open} folds left" if result.folds_open else "no folds left"
    running = f"; running ({result.running_by}), and its open runs are in order" if result.running_by else ""
    return f"{verdict}; {complete}, {left}{running}"
