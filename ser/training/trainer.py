"""Training one fold: a pure function of data, configuration and fold.

`train_fold` reads the mapped feature store, trains on the training speakers, follows the validation
speakers, and scores the test speakers once, at the end. On CPUs the same input gives the same
result, bit for bit on one model of CPU, whatever else runs beside it. On a GPU first weights and
batches are the same, dropout masks follow its own micro-batches, and the last digits are not
promised: torch's gradient of CTC adds up in any order there.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import torch

from ser.config import FoldConfiguration
from ser.corpora.corpus import Corpus
from ser.devices import device_name
from ser.errors import TrainingError
from ser.features.store import FeatureStore
from ser.identity import RESULTS_VERSION, fold_identity, weight_seed
from ser.metrics import evaluation_confusion, unweighted_accuracy, weighted_accuracy
from ser.results import EpochRecord, Fold, FoldResult
from ser.training.data import FoldData, prepare_fold_data
from ser.training.evaluation import ScoredEvaluation
from ser.training.fold_training import FoldTraining
from ser.training.optimizer import EpochSelector, Weights

EpochCallback = Callable[[EpochRecord], None]
"""Called with each epoch's record."""


@dataclass(frozen=True)
class TrainedFold:
    """Fold's result and the weights that were scored."""

    result: FoldResult
    weights: Weights


def train_fold(
    corpus: Corpus,
    store: FeatureStore,
    configuration: FoldConfiguration,
    fold: Fold,
    device: torch.device,
    on_epoch_end: EpochCallback | None = None,
    shrinks: bool = False,
) -> TrainedFold:
    """Train and score one fold.

    Args:
        corpus: The corpus, in the order of the store.
        store: Its raw frames.
        configuration: The whole configuration.
        fold: Which speakers test, validate and train.
        device: Where to compute.
        on_epoch_end: Called with each epoch's record.
        shrinks: Whether micro-batches shrink where a GPU lacks memory for them; else the error is raised.

    Returns:
        The result, and the scored weights on the CPU.

    Raises:
        TrainingError: A loss or a gradient is not finite; the text names fold and epoch.
        ConfigurationError: The corpus lacks the counts that the label strategy needs, or the device the arithmetic.
    """
    now_ms = _stopwatch_ms()
    started_ms = now_ms()
    data = prepare_fold_data(corpus, store, configuration, fold)
    training = FoldTraining(data, configuration, weight_seed(configuration, fold), device, shrinks)
    curve, selected_epoch, weights = _train_epochs(training, data, fold, now_ms, on_epoch_end)
    test = training.score(weights, data.test)
    require_finite({"test_loss": test.loss}, fold, selected_epoch)
    result = FoldResult(
        identity=fold_identity(configuration, corpus.digest, fold, device.type),
        results_version=RESULTS_VERSION,
        fold=fold,
        corpus=corpus.identity,
        configuration=configuration,
        test=test.evaluation,
        validation=training.score(weights, data.validation).evaluation,
        curve=tuple(curve),
        selected_epoch=selected_epoch,
        targets=data.targets,
        started_ms=started_ms,
        ended_ms=now_ms(),
        environment=_environment(device),
        attention_effect=training.attention_effect(weights, data.test),
    )
    return TrainedFold(result, {name: weight.cpu() for name, weight in weights.items()})


def _train_epochs(
    training: FoldTraining, data: FoldData, fold: Fold, now_ms: Callable[[], int], on_epoch_end: EpochCallback | None
) -> tuple[list[EpochRecord], int, Weights]:
    """Train all epochs, and return their records, and number and weights of the selected one."""
    selector = EpochSelector(training.configuration.selection)
    curve = []
    for epoch in range(1, training.configuration.epochs + 1):
        values = training.train_epoch(epoch)
        weights = training.average.weights()
        validation = training.score(weights, data.validation)
        values |= _validation_values(validation, data.classes)
        require_finite(values, fold, epoch)
        selector.update(values["validation_ua"], values["validation_loss"], weights)
        curve.append(EpochRecord(epoch=epoch, ended_ms=now_ms(), values=values))
        if on_epoch_end is not None:
            on_epoch_end(curve[-1])
    return curve, *selector.best()


def _validation_values(validation: ScoredEvaluation, classes: int) -> dict[str, float]:
    confusion = evaluation_confusion(validation.evaluation, classes)
    return {
        "validation_loss": validation.loss,
        "validation_ua": unweighted_accuracy(confusion),
        "validation_wa": weighted_accuracy(confusion),
        **validation.attention_statistics,
    }


def require_finite(values: dict[str, float], fold: Fold, epoch: int) -> None:
    """Refuse values of an epoch that are not finite.

    Raises:
        TrainingError: One of them is not; the text names fold and epoch.
    """
    bad = [f"{name} is {value}" for name, value in values.items() if not isfinite(value)]
    if bad:
        raise TrainingError(f"fold {fold.name}, epoch {epoch}: expected finite numbers, but {', '.join(bad)}")


def _environment(device: torch.device) -> dict[str, str]:
    versions = {"torch": str(torch.__version__), "python": platform.python_version()}
    return versions | {"device": device_name(str(device)), "device_type": device.type}


def _stopwatch_ms() -> Callable[[], int]:
    """Return a function of the time, in milliseconds since 1970, that never goes back where the clock is set back."""
    offset_ns = time.time_ns() - time.monotonic_ns()
    return lambda: (offset_ns + time.monotonic_ns()) // 1_000_000
