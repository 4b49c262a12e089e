"""Print the results of finished folds."""

from datetime import UTC, datetime

from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from ser.errors import ConfigurationError, SerError, unknown_value_message
from ser.results import FoldResult
from studies.cli.arguments import find_study, open_home
from studies.cli.results.commands import ListOptions
from studies.cli.terminal.console import Console
from studies.cli.terminal.progress import StudyDisplay, print_message
from studies.search.started_trials import fold_identities
from studies.storages.takeover import take_over_results
from tracking.analysis.variants.naming import trial_run_name
from tracking.results.store import ResultStore

_COLUMNS = ("identity", "variant", "fold", "corpus", "size", "date")


def print_results(options: ListOptions) -> None:
    """Print one row per result; damaged files are named on standard error.

    Raises:
        ConfigurationError: There are results, but none of the corpus.
    """
    home = open_home(options)
    store = ResultStore(home.results)
    results: dict[str, FoldResult] = {}
    with StudyDisplay() as display:
        take_over_results(home, display.on_message, display.progress_bar)
        identities = store.identities()
        if options.study is not None:
            identities &= fold_identities(find_study(home, options.study), store)
        progress = display.progress_bar("reading results")
        for number, identity in enumerate(sorted(identities), start=1):
            try:
                results[identity] = store.result(identity)
            except SerError as error:
                print_message(str(error))
            progress(number, len(identities))
    corpora = {result.corpus.name for result in results.values()}
    if options.corpus is not None and corpora and options.corpus not in corpora:
        raise ConfigurationError(unknown_value_message("corpus", options.corpus, sorted(corpora)))
    rows = [row for row in results.items() if options.corpus in (None, row[1].corpus.name)]
    table = Table(*(Column(name, no_wrap=True) for name in _COLUMNS), box=SIMPLE_HEAD, show_edge=False)
    for identity, result in sorted(rows, key=lambda row: row[1].ended_ms):
        table.add_row(*map(Text, _row(identity, result, store.path(identity).stat().st_size)))
    console = Console()
    # Identities are what `ser results rm` is given: no line is cut, nor broken where it is read by a program.
    console.width = max(console.width, console.measure(table, options=console.options.update(width=1000)).maximum)
    console.print(table)
    console.print(f"{len(rows)} results in {home.results}", soft_wrap=True, markup=False)


def _row(identity: str, result: FoldResult, size_bytes: int) -> tuple[str, ...]:
    """Cells of a result, in the order of the columns."""
    ended = datetime.fromtimestamp(result.ended_ms / 1000, UTC)
    return (
        identity,
        trial_run_name(result.configuration),
        result.fold.name,
        result.corpus.name,
        f"{size_bytes / 2**20:.1f} MiB",
        f"{ended:%Y-%m-%d %H:%M} UTC",
    )
