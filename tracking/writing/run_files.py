"""Files of runs: name and content of each artifact that is written out of memory."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from numpy import int64
from numpy.typing import NDArray

from ser.metrics import evaluation_confusion
from ser.results import BASELINE_RESULTS, BaselineResult, FoldResult, scheme_json
from tracking import schema
from tracking.analysis.figures.confusion_svg import confusion_svg
from tracking.analysis.trial_result import TrialResult
from tracking.context import StudyContext
from tracking.results.baselines import inputs_of
from tracking.writing import payloads


def study_files(context: StudyContext) -> dict[str, bytes]:
    """Return the files of a study's run: its folds, and the corpus's utterances, skipped files and notes."""
    files = {schema.FOLD_SCHEME: scheme_json(context.scheme)}
    corpus = context.loaded_corpus
    if corpus is not None:
        skipped = [{"name": file.name, "reason": file.reason} for file in corpus.skipped]
        files[schema.SKIPPED] = json.dumps({"skipped": skipped, "notes": list(corpus.notes)}, indent=2).encode()
        files[schema.UTTERANCES] = payloads.utterances_csv(corpus).encode()
    return files


def trial_files(result: TrialResult) -> dict[str, bytes]:
    """Return the files of a complete trial's run."""
    return _confusion_files(payloads.trial_confusion(result), result.folds[0].corpus.emotions, "all folds pooled")


def fold_files(result: FoldResult) -> dict[str, bytes]:
    """Return the files of a fold's run but the trained fold itself."""
    emotions = result.corpus.emotions
    files = _confusion_files(evaluation_confusion(result.test, len(emotions)), emotions, f"fold {result.fold.name}")
    return files | {schema.PREDICTIONS: payloads.predictions_csv(result).encode()}


def baseline_files(baseline: BaselineResult, others: Iterable[BaselineResult]) -> dict[str, bytes]:
    """Return the files of a study's baselines.

    Args:
        baseline: The study's own.
        others: Others; of two with the same inputs the last one counts, and of the study's own inputs none.
    """
    by_inputs = {inputs_of(other): other for other in others}
    by_inputs.pop(inputs_of(baseline), None)
    files = {schema.BASELINE_RESULT: baseline.model_dump_json().encode()}
    if by_inputs:
        files[schema.OTHER_BASELINES] = BASELINE_RESULTS.dump_json(tuple(by_inputs.values()))
    return files


def _confusion_files(confusion: NDArray[int64], emotions: tuple[str, ...], title: str) -> dict[str, bytes]:
    """Return a confusion matrix as a picture and as a table.

    Args:
        confusion: Counts `(actual, predicted)`.
        emotions: Names of the classes, in order.
        title: Title of the picture.
    """
    return {
        schema.CONFUSION_PICTURE: confusion_svg(confusion, emotions, title),
        schema.CONFUSION_NUMBERS: payloads.confusion_csv(confusion, emotions).encode(),
    }


def failure_files(failures: Sequence[str]) -> dict[str, bytes]:
    """Return a file of failed attempts at folds, each with its traceback; none where none failed."""
    return {schema.FAILURES: "\n\n".join(failures).encode()} if failures else {}


def digest_tag(files: Mapping[str, bytes]) -> dict[str, str]:
    """Build the tag of a run that holds the digests of its artifacts."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    return {schema.ARTIFACT_DIGESTS: json.dumps(digests)}
