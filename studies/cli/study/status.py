"""`ser study status`: one study's trials, and live what its workers do."""

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from studies.cli.options import HOME, HomeOption, StorageOption, TrackingOption

if TYPE_CHECKING:
    from rich.console import Group

    from studies.monitoring.live_status import LiveStatus
    from studies.monitoring.trial_status import TrialStatus
    from studies.search.summaries import StudySummary
    from studies.storages.home import Home

_REFRESH_S = 1.0
_ASK_HOLDER_EVERY = 5


def status(
    study: Annotated[str | None, typer.Argument(help="Name of the study; the newest when not given.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and show live what its workers do.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    home: HomeOption = HOME,
    storage: StorageOption = None,
    tracking: TrackingOption = None,
) -> None:
    """Show one study: its trials, their folds, validation UA, and failures with their reason.

    With --watch from any terminal of the machine that runs it: folds done, running and failed by
    worker, speed, time left, and the best trial so far by validation UA.
    """
    from rich.console import Console

    from ser.errors import ConfigurationError
    from studies.cli.arguments import find_study
    from studies.monitoring.live_status import read_live_status
    from studies.monitoring.trial_status import trial_statuses
    from studies.storages.home import Home

    if watch and as_json:
        raise ConfigurationError("--watch and --json exclude each other; give --json again and again instead")
    place = Home(home, storage, tracking)
    summary = find_study(place, study, corpus=None)
    if watch:
        _watch(place, summary.name)
        summary = find_study(place, summary.name, corpus=None)
    held_by = place.storage.lease_owner(summary.name)
    live = read_live_status(place.live_status(summary.name))
    trials = trial_statuses(place, summary)
    if as_json:
        _print_json(summary, held_by, live, trials)
        return
    console = Console()
    _print_trials(console, summary, trials)
    if held_by is not None and live is not None:
        console.print(render_live_status(live))
    begun = f"{summary.progress_text} trials complete"
    console.print(f"{begun}; run by {held_by}" if held_by else f"{begun}; nobody runs it now", soft_wrap=True)


def _print_trials(console: object, summary: "StudySummary", trials: "list[TrialStatus]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("trial", "state", "folds", "mean validation UA", "remark", title=summary.name, title_justify="left")
    for trial in trials:
        best = "" if trial.mean_validation_ua is None else f"{100 * trial.mean_validation_ua:.1f}%"
        table.add_row(trial.name, trial.state, f"{trial.folds_done} of {trial.folds}", best, Text(trial.note))
    assert isinstance(console, Console)
    console.print(table)


def _print_json(
    summary: "StudySummary", held_by: str | None, live: "LiveStatus | None", trials: "list[TrialStatus]"
) -> None:
    content = {
        "study": summary.name,
        "run_by": held_by,
        "trials": summary.trials,
        "trials_complete": summary.trials_complete,
        "trials_pruned": summary.trials_pruned,
        "best_validation_ua": summary.best_validation_ua,
        "live": None if live is None else live.model_dump(mode="json"),
        "each": [asdict(trial) for trial in trials],
    }
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


def _watch(place: "Home", study: str) -> None:
    """Shows the live status until nobody runs the study."""
    from rich.live import Live
    from rich.text import Text

    from studies.monitoring.live_status import read_live_status

    with Live(Text("waiting for the study to begin"), refresh_per_second=4) as shown:
        for look in range(10**9):
            live = read_live_status(place.live_status(study))
            if live is not None:
                shown.update(render_live_status(live), refresh=True)
            if look % _ASK_HOLDER_EVERY == 0 and not _is_running(place, study):
                return
            time.sleep(_REFRESH_S)


def _is_running(place: "Home", study: str) -> bool:
    """Whether a study is run now, as far as can be known: one whose database is away goes on."""
    from ser.errors import UnavailableError

    try:
        return place.storage.lease_owner(study) is not None
    except UnavailableError:
        return True


def render_live_status(live: "LiveStatus") -> "Group":
    """A running study as text and tables.

    Args:
        live: What its coordinator last wrote.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    lines = [f"{live.study}: trials {live.trials_done} of {live.trials}, folds {live.folds_done} of {live.folds}"]
    if live.folds_per_min is not None and live.left_s is not None:
        lines.append(f"{live.folds_per_min:.1f} folds a minute; {_duration(live.left_s)} left at that speed")
    if live.best_trial is not None and live.best_validation_ua is not None:
        best = f"{100 * live.best_validation_ua:.1f}%"
        lines.append(f"best so far by validation UA: {live.best_trial}, {best} (test scores have no part in this)")
    workers = Table("worker", "done", "failed", "in hand", "epoch")
    for slot, worker in live.workers.items():
        epoch = f"{worker.epoch} of {worker.epochs}" if worker.fold else ""
        workers.add_row(str(slot), str(worker.done), str(worker.failed), Text(worker.fold or ""), epoch)
    parts: list[Text | Table] = [Text("\n".join(lines)), workers]
    if live.failures:
        failures = Table("failed at", "worker", "fold", "reason", "attempts left")
        for each in live.failures:
            failures.add_row(each.at, str(each.slot), Text(each.fold), Text(each.reason), str(each.attempts_left))
        parts.append(failures)
    return Group(*parts, Text(f"as of {live.updated}, process {live.process} on {live.host}"))


def _duration(seconds: float) -> str:
    minutes, hours = round(seconds / 60), seconds / 3600
    return f"{hours:.1f} h" if hours >= 2 else f"{minutes} min" if minutes else f"{seconds:.0f} s"
