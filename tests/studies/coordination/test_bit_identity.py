"""Neither the number of workers nor the order of folds moves a result by a bit."""

from contextlib import closing

import pytest
import torch

from ser.training.checkpoint import deserialize_fold
from ser.training.trainer import TrainedFold
from studies.execution.base import Finished, FoldTask
from studies.execution.local import LocalExecutor
from studies.execution.precision_probe import runs_bf16
from tests.support.fold_tasks import Folds, outcomes
from tests.support.toy_corpus import assert_identical

SETTINGS = {"attention": "component", "scope": 5, "component_score": "dense", "attention_norm": "window"}


def trained(folds: Folds, tasks: list[FoldTask], workers: int) -> dict[str, TrainedFold]:
    """Trains tasks in the given order, each as soon as a worker is free."""
    results: dict[str, TrainedFold] = {}
    waiting = list(tasks)
    with closing(LocalExecutor(folds.corpus, ("cpu",) * workers)) as executor:
        while len(results) < len(tasks):
            while waiting and executor.free_slots():
                executor.submit(waiting.pop(0))
            for ended in outcomes(executor)[0]:
                assert isinstance(ended, Finished), ended
                results[ended.identity] = deserialize_fold(ended.content)
    return results


@pytest.mark.slow
def test_workers_and_order_do_not_move_a_bit(tmp_path_factory: pytest.TempPathFactory) -> None:
    folds = Folds(tmp_path_factory.mktemp("identity"))
    # Two folds in bf16, in which a processor may compute slowly, one before and one after those in fp32.
    precisions = ["fp32"] * len(folds.scheme)
    if runs_bf16(torch.device("cpu")):
        precisions = ["bf16", *precisions, "bf16"]
    tasks = [
        folds.task(index % len(folds.scheme), precision=precision, cells=16, epochs=2, **SETTINGS)
        for index, precision in enumerate(precisions)
    ]
    alone = trained(folds, tasks, workers=1)
    for others in (trained(folds, tasks, workers=2), trained(folds, tasks[::-1], workers=2)):
        assert others.keys() == alone.keys()
        for identity, result in others.items():
            assert_identical(result, alone[identity])
    assert len({str(result.weights["output.weight"]) for result in alone.values()}) == len(tasks)
