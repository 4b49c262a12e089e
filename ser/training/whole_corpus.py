"""Training on all speakers of a corpus, for a number of epochs that others have chosen; nothing is scored."""

from collections.abc import Callable

import torch

from ser.config import FoldConfiguration
from ser.corpora.corpus import Corpus
from ser.features.store import FeatureStore
from ser.identity import weight_seed
from ser.results import Fold
from ser.training.data import prepare_corpus_data
from ser.training.fold_training import FoldTraining
from ser.training.optimizer import Weights
from ser.training.trainer import require_finite

_CPU = torch.device("cpu")


def whole_corpus(corpus: Corpus) -> Fold:
    """Return the fold whose training speakers are all speakers of a corpus; it validates and tests with none."""
    return Fold(
        index=0,
        name="all",
        scheme="all-speakers",
        test_speakers=(),
        validation_speakers=(),
        training_speakers=corpus.speakers,
    )


def train_on_all_speakers(
    corpus: Corpus,
    store: FeatureStore,
    configuration: FoldConfiguration,
    epochs: int,
    on_epoch_end: Callable[[int], None],
) -> Weights:
    """Train a network on all speakers, on the CPU with one thread, as a fold is trained.

    The same input gives the same weights, bit for bit on one model of CPU.

    Args:
        corpus: The corpus, in the order of the store.
        store: Its raw frames.
        configuration: The configuration; its number of epochs and its selection of one are not used.
        epochs: Passes over the speakers.
        on_epoch_end: Called with the number of each finished epoch.

    Returns:
        The weights after the last epoch, or their running average where the configuration has one.

    Raises:
        TrainingError: A loss or a gradient is not finite; the text names the epoch.
        ConfigurationError: The corpus lacks the counts that the label strategy needs, or a CPU the arithmetic.
    """
    fold = whole_corpus(corpus)
    threads = torch.get_num_threads()
    # As in a worker: several threads would add up a sum in another order.
    torch.set_num_threads(1)
    try:
        data = prepare_corpus_data(corpus, store, configuration)
        training = FoldTraining(data, configuration, weight_seed(configuration, fold), _CPU)
        for epoch in range(1, epochs + 1):
            require_finite(training.train_epoch(epoch), fold, epoch)
            on_epoch_end(epoch)
        return training.average.weights()
    finally:
        torch.set_num_threads(threads)
