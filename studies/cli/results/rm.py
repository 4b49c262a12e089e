"""Discard results on purpose."""

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path

import typer

from ser.errors import ConfigurationError, StudyError
from studies.cli.arguments import find_study_in, open_home
from studies.cli.results.commands import DiscardOptions
from studies.cli.terminal.progress import StudyDisplay
from studies.search.started_trials import fold_identities
from studies.search.summaries import StudySummary, list_studies
from studies.storages.home import Home
from studies.storages.takeover import take_over_results
from tracking.results.store import ResultStore


def discard(options: DiscardOptions) -> None:
    """Move results to the trash, once the user has agreed.

    Raises:
        ConfigurationError: Neither results nor a study are named, or both.
        StudyError: There is no such result, or a study that uses one runs.
    """
    if bool(options.identities) == (options.study is not None):
        raise ConfigurationError("name either results or a study: ser results rm IDENTITY..., or --study NAME")
    home = open_home(options)
    store = ResultStore(home.results)
    with StudyDisplay() as display:
        take_over_results(home, display.on_message, display.progress_bar)
    studies = list_studies(home.storage)
    if options.study is None:
        discarded = _existing(store, options.identities or ())
    else:
        study = find_study_in(studies, home, options.study)
        discarded = store.identities() & fold_identities(study, store)
    if not discarded:
        typer.echo(f"study {options.study} has no results; nothing to discard")
        return
    with ExitStack() as leases:
        held = _hold_users(home, store, discarded, leases, {})
        users = {study.name: len(discarded & fold_identities(study, store)) for study in held.values()}
        typer.echo(_consequence(discarded, users, home.trash))
        if not options.yes:
            typer.confirm("Discard these results?", abort=True)
        # A study may have begun to use them while the user thought.
        held = _hold_users(home, store, discarded, leases, held)
        _supersede_runs(home, discarded, held.values())
        for identity in sorted(discarded):
            store.move(identity, home.trash)
    typer.echo(f"discarded {len(discarded)} results; they are in {home.trash}")


def _hold_users(
    home: Home, store: ResultStore, discarded: Collection[str], leases: ExitStack, held: Mapping[str, StudySummary]
) -> dict[str, StudySummary]:
    """Hold the leases of all studies that use results, so that none starts.

    Args:
        home: The data directory.
        store: Results on disk.
        discarded: Identities of the results.
        leases: Gets the leases that are not held yet.
        held: Studies whose leases it has, by name.

    Returns:
        Studies whose leases it has now, by name.

    Raises:
        StudyError: One of them runs.
    """
    held = dict(held)
    while True:
        # Listed anew under the leases: until it is held, a study may start a trial, and so become a user.
        users = [
            study for study in list_studies(home.storage) if not fold_identities(study, store).isdisjoint(discarded)
        ]
        added = {study.name: study for study in users if study.name not in held}
        if not added:
            return held
        for name in sorted(added):
            leases.enter_context(home.storage.acquire_lease(name))
        held |= added


def _existing(store: ResultStore, identities: Collection[str]) -> frozenset[str]:
    """Return identities without repetition, all of which have a result."""
    for identity in identities:
        if not store.path(identity).is_file():
            raise StudyError(f"there is no result {identity}; list them with: ser results list")
    return frozenset(identities)


def _consequence(discarded: Collection[str], users: Mapping[str, int], trash: Path) -> str:
    lines = [f"{len(discarded)} results will be moved to {trash}."]
    if users:
        lines.append("The next start of a study that uses them trains their folds again:")
        lines += [f"  {name} ({count} of its folds)" for name, count in users.items()]
    else:
        lines.append("No study uses them.")
    return "\n".join(lines)


def _supersede_runs(home: Home, discarded: Collection[str], studies: Collection[StudySummary]) -> None:
    """Tag the MLflow runs of the results, before their files are moved: a kill in between changes no result."""
    # Imports MLflow, which a refusal does without.
    from studies.search.session import find_experiment
    from tracking.backend.client import connect
    from tracking.writing.discarded_folds import supersede_folds

    location = home.tracking_uri_or_path
    if isinstance(location, Path) and not location.is_file():
        return
    client = connect(location)
    started = [study for study in studies if study.location is not None]
    for experiment in sorted({find_experiment(client, home, study, typer.echo) for study in started}):
        supersede_folds(client, experiment, discarded)
