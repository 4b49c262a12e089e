"""Checking a study: at each start of its own, and from outside by `ser study check`."""

from dataclasses import dataclass, replace

from mlflow.tracking import MlflowClient

from ser.config import Precision
from ser.errors import StudyError
from studies.consistency.checks import ExpectedPoint, Inconsistency, StudySnapshot, find_inconsistencies
from studies.consistency.repairer import StudyRepairer
from studies.consistency.repairs import EndRun
from studies.consistency.snapshot import expected_points, read_snapshot
from studies.monitoring.events import StudyCallback
from studies.search.optuna_study import OptunaStudy
from studies.search.records import IdentityInputs, Point
from studies.search.summaries import StudySummary
from studies.storages.home import Home
from tracking import schema
from tracking.backend.client import connect
from tracking.backend.queries import is_finished
from tracking.context import StudyContext
from tracking.outbox.outbox import Outbox


@dataclass(frozen=True)
class CheckResult:
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

    findings: tuple[Inconsistency, ...]
    mended: tuple[Inconsistency, ...]
    trials: int
    trials_open: int
    folds_open: int
    waiting: int
    running_by: str | None


def check_study(home: Home, summary: StudySummary, repair: bool) -> CheckResult:
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
    search = OptunaStudy.open(home.storage, summary.name, summary.plan)
    basis, precision = search.basis, search.precision
    if where is None or basis is None or precision is None:
        raise StudyError(f"study {summary.name} has no runs to check yet; give its command (again) first")
    if summary.plan.name(where.corpus_digest, basis.device_type) != summary.name:
        raise StudyError(
            f"study {summary.name} rests on another version of torch or of this program, which would give its folds "
            "other identities; check it with that version"
        )
    client = connect(home.tracking_uri_or_path)
    outbox = Outbox(home.outbox)

    def expected() -> tuple[ExpectedPoint, ...]:
        points = (point.configuration for point in search.points(precision))
        return expected_points(points, search.key, where.corpus_digest, basis)

    def read(points: tuple[ExpectedPoint, ...], held: bool) -> StudySnapshot:
        return read_snapshot(client, where.experiment, summary.name, points, search, outbox, held)

    if not repair:
        held_by = home.storage.lease_owner(summary.name)
        points, ledgers = expected(), None
        # A search that runs may propose further points while the runs are read.
        while ledgers is None or len(ledgers.points) < len(points):
            ledgers = read(points, held_by is not None)
            points = expected()
        return _checked(ledgers, [], held_by)
    with home.storage.acquire_lease(summary.name):
        # Only now: a search that ran until a moment ago may have proposed further points.
        points = expected()
        mended, ledgers = StudyRepairer(client, where.experiment, search, outbox).repair(
            lambda: read(points, held=False)
        )
    return _checked(ledgers, mended, None)


def repair_study(
    client: MlflowClient,
    experiment: str,
    context: StudyContext,
    search: OptunaStudy,
    precision: Precision,
    device_type: str,
    outbox: Outbox,
    observer: StudyCallback,
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
    basis = IdentityInputs(context.scheme, device_type)
    expected = expected_points(configurations, search.key, context.corpus.digest, basis)

    def read() -> StudySnapshot:
        return read_snapshot(client, experiment, context.study, expected, search, outbox, held=False)

    mended, ledgers = StudyRepairer(client, experiment, search, outbox).repair(read, _blocks_start)
    for finding in mended:
        observer.on_message(f"mended, {finding.kind}: {finding.text}")
    written = _written(ledgers)
    return [
        replace(point, complete=point.complete and each.trial in written)
        for point, each in zip(search.points(precision), expected, strict=True)
    ]


def _blocks_start(finding: Inconsistency) -> bool:
    """Whether a coordinator that begins must mend a finding: it goes on with runs that a kill left open by itself."""
    return not (finding.kind == "stuck" and isinstance(finding.remedy, EndRun) and finding.remedy.status == "KILLED")


def _written(ledgers: StudySnapshot) -> set[str]:
    """Identities of trials whose run is finished."""
    return {
        run.data.tags[schema.TRIAL_ID]
        for run in ledgers.runs
        if run.data.tags[schema.KIND] == "trial" and is_finished(run)
    }


def _checked(ledgers: StudySnapshot, mended: list[Inconsistency], held_by: str | None) -> CheckResult:
    written = _written(ledgers)
    folds = {run.data.tags.get(schema.FOLD_IDENTITY) for run in ledgers.runs if is_finished(run)}
    there = folds | ledgers.waiting | ledgers.finished_in_other_studies.keys()
    pruned = {run.data.tags.get(schema.TRIAL_ID) for run in ledgers.runs if schema.PRUNED in run.data.tags}
    unfinished = [point for point in ledgers.points if point.trial not in written | pruned]
    return CheckResult(
        findings=tuple(find_inconsistencies(ledgers)),
        mended=tuple(mended),
        trials=len(ledgers.points),
        trials_open=len(unfinished),
        folds_open=sum(identity not in there for point in unfinished for identity in point.folds),
        waiting=len(ledgers.waiting),
        running_by=held_by,
    )
