"""Results of a report that are on a shared tracking server, fetched where they are missing here."""

from collections.abc import Callable, Collection

from ser.errors import StorageError, StudyError
from studies.baselines import BASIC
from studies.search.records import StudyLocation
from studies.storages.home import Home
from tracking.backend.client import connect
from tracking.results.baselines import BaselineInputs, BaselineStore
from tracking.results.fetching import fetch_baselines, fetch_missing
from tracking.results.store import ResultStore


def fetch_shared_results(
    home: Home,
    location: StudyLocation,
    identities: Collection[str],
    baseline_inputs: Collection[BaselineInputs],
    searched_runs: set[str],
    progress: Callable[[int, int], None],
) -> tuple[str, ...]:
    """Fetch results and baselines that are missing here; those that are here need no server.

    Most studies have no baselines on functionals of openSMILE: they are fetched where something else needs the server.

    Args:
        home: The data directory.
        location: Experiment and corpus.
        identities: Identities of folds.
        baseline_inputs: What baselines depend on.
        searched_runs: Ids of studies' runs whose baselines are not downloaded again; those searched are added.
        progress: Called with the number of results that are fetched, and of those to fetch.

    Returns:
        Notes for the reader: what is damaged on the server, or that it cannot be used.
    """
    results, baselines = ResultStore(home.results), BaselineStore(home.results)
    digest, experiment = location.corpus_digest, location.experiment
    missing_baselines = [inputs for inputs in baseline_inputs if baselines.find(digest, *inputs) is None]
    needs_baselines = any(functionals in BASIC for *_, functionals in missing_baselines)
    if results.identities().issuperset(identities) and not needs_baselines:
        return ()
    try:
        client = connect(home.tracking_uri_or_path)
        fetched = fetch_missing(client, experiment, digest, identities, results, progress)
        fetch_baselines(client, experiment, digest, missing_baselines, baselines, searched_runs)
    except (StorageError, StudyError) as error:
        return (f"only results of this data directory are reported: {error}",)
    return tuple(f"left out: {text}" for text in fetched.damaged)
