"""Print one study's trials, and its workers' progress live."""

import json
import time
from dataclasses import asdict
from itertools import count

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ser.errors import ConfigurationError, UnavailableError
from studies.cli.arguments import find_study, open_home
from studies.cli.study.commands import StatusOptions
from studies.cli.terminal.console import Console
from studies.cli.terminal.progress import StudyDisplay, print_message
from studies.cli.terminal.text_output import duration_text
from studies.monitoring.live_status import LiveStatus, read_live_status
from studies.monitoring.trial_status import TrialStatus, trial_statuses
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from studies.storages.takeover import take_over_results

_REFRESH_S = 1.0
_REFRESHES_PER_LEASE_CHECK = 5


def print_status(options: StatusOptions) -> None:
    """Print a study's trials as a table or as JSON, after watching it where that is asked for.

    Raises:
        ConfigurationError: Both --watch and --json.
    """
    if options.watch and options.as_json:
        raise ConfigurationError("--watch cannot be combined with --json; poll with --json")
    home = open_home(options)
    study = find_study(home, options.study)
    with StudyDisplay() as display:
        take_over_results(home, display.on_message, display.progress_bar)
    if options.watch:
        _watch(home, study.name)
        study = find_study(home, study.name)
    run_by = home.storage.lease_owner(study.name)
    live = read_live_status(home.live_status(study.name))
    trials = trial_statuses(home, study, run_by is not None, print_message)
    if options.as_json:
        _print_json(study, run_by, live, trials)
        return
    console = Console()
    _print_trials(console, study, trials)
    if run_by is not None and live is not None:
        console.print(render_live_status(live))
    running = f"running ({run_by})" if run_by else "not running"
    console.print(f"{study.progress_text} trials complete; {running}", soft_wrap=True)


def _print_trials(console: Console, study: StudySummary, trials: list[TrialStatus]) -> None:
    table = Table("trial", "state", "folds", "mean validation UA", "remark", title=study.name, title_justify="left")
    for trial in trials:
        best = "" if trial.mean_validation_ua is None else f"{100 * trial.mean_validation_ua:.1f}%"
        table.add_row(trial.name, trial.state, f"{trial.folds_done} of {trial.folds}", best, Text(trial.remark))
    console.print(table)


def _print_json(study: StudySummary, run_by: str | None, live: LiveStatus | None, trials: list[TrialStatus]) -> None:
    content = {
        "study": study.name,
        "run_by": run_by,
        "trials": study.trials,
        "trials_complete": study.trials_complete,
        "trials_pruned": study.trials_pruned,
        "best_validation_ua": study.best_validation_ua,
        "live": None if live is None else live.model_dump(mode="json"),
        "each": [asdict(trial) for trial in trials],
    }
    typer.echo(json.dumps(content, indent=2))


def _watch(home: Home, study: str) -> None:
    """Show the live status until the study stops."""
    with Live(Text("waiting for the study to start"), refresh_per_second=4) as screen:
        for refresh in count():
            live = read_live_status(home.live_status(study))
            if live is not None:
                screen.update(render_live_status(live), refresh=True)
            if refresh % _REFRESHES_PER_LEASE_CHECK == 0 and not _is_running(home, study):
                return
            time.sleep(_REFRESH_S)


def _is_running(home: Home, study: str) -> bool:
    """Return whether a process holds the study's lease; also true while its database is unavailable."""
    try:
        return home.storage.lease_owner(study) is not None
    except UnavailableError:
        return True


def render_live_status(live: LiveStatus) -> Group:
    """Render a running study as text and tables."""
    lines = [f"{live.study}: trials {live.trials_done} of {live.trials}, folds {live.folds_done} of {live.folds}"]
    if live.folds_per_min is not None and live.left_s is not None:
        lines.append(f"{live.folds_per_min:.1f} folds per minute; about {duration_text(live.left_s)} left")
    if live.best_trial is not None and live.best_validation_ua is not None:
        best = f"{100 * live.best_validation_ua:.1f}%"
        lines.append(f"best by validation UA: {live.best_trial}, {best} (test scores are not used)")
    workers = Table("worker", "done", "failed", "running", "epoch")
    for slot, worker in live.workers.items():
        epoch = f"{worker.epoch} of {worker.epochs}" if worker.fold else ""
        workers.add_row(str(slot), str(worker.done), str(worker.failed), Text(worker.fold or ""), epoch)
    blocks: list[Text | Table] = [Text("\n".join(lines)), workers]
    if live.failures:
        failures = Table("failed at", "worker", "fold", "reason", "attempts left")
        for failure in live.failures:
            attempts_left = str(failure.attempts_left)
            failures.add_row(failure.at, str(failure.slot), Text(failure.fold), Text(failure.reason), attempts_left)
        blocks.append(failures)
    return Group(*blocks, Text(f"as of {live.updated}, process {live.process} on {live.host}"))
