"""Checking a study: at each start of its own, and from outside by `ser study check`."""

from dataclasses import dataclass, replace

from mlflow.tracking import MlflowClient

from ser.config import Precision
from ser.errors import StudyError
from studies.consistency.checks import Expected, Finding, Ledgers, compare
from studies.consistency.repairer import Repair
from studies.consistency.repairs import Close
from studies.consistency.snapshot import expected_of, read_ledgers
from studies.monitoring.events import Observer
from studies.search.optuna_study import Search
from studies.search.records import Basis, Point
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking import schema
from tracking.backend.client import open_tracking
from tracking.backend.queries import is_finished
from tracking.context import StudyContext
from tracking.outbox.outbox import Outbox


@dataclass(frozen=True)
class Checked:
    """What a check has found.

    Attributes:
        findings: What disagrees and stands.
        mended: What disagreed and was mended.
        trials: Points of the study.
        trials_open: Those whose run is neither finished nor pruned.
        folds_open: Folds of these without a finished run or a waiting result.
        waiting: Results in the outbox, which the next start writes.
        held_by: Who runs the study now, or None.
    """

    findings: tuple[Finding, ...]
    mended: tuple[Finding, ...]
    trials: int
    trials_open: int
    folds_open: int
    waiting: int
    held_by: str | None


def check_study(home: Home, summary: StudySummary, repair: bool) -> Checked:
    """Compares a study's points, Optuna's trials, MLflow's runs and the outbox.

    Args:
        home: Where everything is kept.
        summary: The study.
        repair: Whether to mend what is found.

    Returns:
        What was found, and what is left to be done.

    Raises:
        StudyError: The study was never started, rests on other versions, or shall be mended while it runs.
    """
    where = summary.whereabouts
    search = Search.open(home.storage, summary.name, summary.plan)
    basis, precision = search.basis, search.precision
    if where is None or basis is None or precision is None:
        raise StudyError(f"study {summary.name} has no runs to check yet; give its command (again) first")
    if summary.plan.name(where.corpus_digest, basis.device_type) != summary.name:
        raise StudyError(
            f"study {summary.name} rests on another version of torch or of this program, which would give its folds "
            "other identities; check it with that version"
        )
    client = open_tracking(home.tracking)
    outbox = Outbox(home.outbox)

    def expected() -> tuple[Expected, ...]:
        points = (point.configuration for point in search.points(precision))
        return expected_of(points, search.key, where.corpus_digest, basis)

    def read(points: tuple[Expected, ...], held: bool) -> Ledgers:
        return read_ledgers(client, where.experiment, summary.name, points, search, outbox, held)

    if not repair:
        held_by = home.storage.holder(summary.name)
        points, ledgers = expected(), None
        # A search that runs may propose further points while the runs are read.
        while ledgers is None or len(ledgers.points) < len(points):
            ledgers = read(points, held_by is not None)
            points = expected()
        return _checked(ledgers, [], held_by)
    with home.storage.coordinate(summary.name):
        # Only now: a search that ran until a moment ago may have proposed further points.
        points = expected()
        mended, ledgers = Repair(client, where.experiment, search, outbox).mend(lambda: read(points, held=False))
    return _checked(ledgers, mended, None)


def reconcile(
    client: MlflowClient,
    experiment: str,
    context: StudyContext,
    search: Search,
    precision: Precision,
    device_type: str,
    outbox: Outbox,
    observer: Observer,
) -> list[Point]:
    """Mends a study at its start, by its coordinator, which goes on by itself with runs that a kill left open.

    Args:
        client: The tracking store.
        experiment: Id of the study's experiment.
        context: The study.
        search: Its memory in Optuna.
        precision: Its arithmetic.
        device_type: 'cpu' or 'cuda'.
        outbox: Where results wait.
        observer: Is told what was mended.

    Returns:
        The study's points; complete are those whose trial has a finished run, too.
    """
    configurations = [point.configuration for point in search.points(precision)]
    basis = Basis(context.scheme, device_type)
    expected = expected_of(configurations, search.key, context.corpus.digest, basis)

    def read() -> Ledgers:
        return read_ledgers(client, experiment, context.study, expected, search, outbox, held=False)

    mended, ledgers = Repair(client, experiment, search, outbox).mend(read, _hinders)
    for finding in mended:
        observer.noticed(f"mended, {finding.kind}: {finding.text}")
    written = _written(ledgers)
    return [
        replace(point, complete=point.complete and each.trial in written)
        for point, each in zip(search.points(precision), expected, strict=True)
    ]


def _hinders(finding: Finding) -> bool:
    """Whether a coordinator that begins must mend a finding: it goes on with runs that a kill left open by itself."""
    return not (finding.kind == "stuck" and isinstance(finding.remedy, Close) and finding.remedy.status == "KILLED")


def _written(ledgers: Ledgers) -> set[str]:
    """Identities of trials whose run is finished."""
    return {
        run.data.tags[schema.TRIAL_ID]
        for run in ledgers.runs
        if run.data.tags[schema.KIND] == "trial" and is_finished(run)
    }


def _checked(ledgers: Ledgers, mended: list[Finding], held_by: str | None) -> Checked:
    written = _written(ledgers)
    folds = {run.data.tags.get(schema.FOLD_IDENTITY) for run in ledgers.runs if is_finished(run)}
    there = folds | ledgers.waiting | ledgers.elsewhere.keys()
    pruned = {run.data.tags.get(schema.TRIAL_ID) for run in ledgers.runs if schema.PRUNED in run.data.tags}
    unfinished = [point for point in ledgers.points if point.trial not in written | pruned]
    return Checked(
        findings=tuple(compare(ledgers)),
        mended=tuple(mended),
        trials=len(ledgers.points),
        trials_open=len(unfinished),
        folds_open=sum(identity not in there for point in unfinished for identity in point.folds),
        waiting=len(ledgers.waiting),
        held_by=held_by,
    )
