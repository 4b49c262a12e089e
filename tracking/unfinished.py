"""What a study has written so far: trials that still lack folds, and whether anything is new."""

from collections.abc import Mapping, Sequence

from mlflow.entities import Run, ViewType
from mlflow.tracking import MlflowClient
from pydantic import TypeAdapter

from ser.results import Fold, FoldResult
from tracking import schema
from tracking.filters import tagged
from tracking.results import TrialResult

_SCHEME = TypeAdapter(tuple[Fold, ...])


def scheme_json(scheme: Sequence[Fold]) -> bytes:
    """All folds of a study, as its run keeps them."""
    return _SCHEME.dump_json(tuple(scheme))


def scheme_of(content: bytes) -> tuple[Fold, ...]:
    """The inverse of `scheme_json`."""
    return _SCHEME.validate_json(content)


def trial_so_far(run: Run, scheme: tuple[Fold, ...], results: Mapping[str, FoldResult]) -> TrialResult:
    """A trial that is not finished, with the folds that are.

    Args:
        run: The trial's run.
        scheme: All folds that it should have.
        results: Finished folds of its configuration, of any study and scheme.

    Returns:
        The trial; of the results only those whose speakers make a fold of the scheme.
    """
    by_speakers = {_speakers(result.fold): result for result in results.values()}
    folds = [
        by_speakers[_speakers(fold)].model_copy(update={"fold": fold})
        for fold in scheme
        if _speakers(fold) in by_speakers
    ]
    return TrialResult(
        study=run.data.tags[schema.STUDY],
        recipe=run.data.tags[schema.RECIPE],
        trial_id=run.data.tags[schema.TRIAL_ID],
        scheme=scheme,
        folds=tuple(folds),
        run_id=str(run.info.run_id),
    )


def _speakers(fold: Fold) -> tuple[frozenset[str], ...]:
    return frozenset(fold.test_speakers), frozenset(fold.validation_speakers), frozenset(fold.training_speakers)


def newest_fold(client: MlflowClient, experiment: str, corpus_digest: str, scheme: str) -> str | None:
    """The fold that was finished last, by its run; None before the first one.

    Args:
        client: The tracking store.
        experiment: Id of the corpus's experiment.
        corpus_digest: Digest of the corpus.
        scheme: Name of the fold scheme.
    """
    tags = {schema.KIND: "fold", schema.CORPUS_DIGEST: corpus_digest, schema.SCHEME: scheme}
    finished = f"{tagged(tags)} and attributes.status = 'FINISHED'"
    runs = client.search_runs([experiment], finished, ViewType.ACTIVE_ONLY, 1, ["attributes.end_time DESC"])
    return str(runs[0].info.run_id) if runs else None
