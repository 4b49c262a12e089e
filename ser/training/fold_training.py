"""State of one fold's training: network, optimiser and running average, and what an epoch does with them."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ser.config import FoldConfiguration
from ser.cuda_errors import is_out_of_memory, release_gpu_memory
from ser.devices import to_device
from ser.model.network import SpeechEmotionNetwork
from ser.results import AttentionEffect
from ser.training.batching import class_weights, make_epoch_batches, micro_batches, upsample_to_largest_class
from ser.training.data import FoldData
from ser.training.evaluation import ScoredEvaluation, evaluate, measure_attention_effect, utterance_losses
from ser.training.optimizer import ExponentialMovingAverage, Weights, make_optimiser
from ser.training.precision import precision_context

_Value = TypeVar("_Value")


class FoldTraining:
    """State of one fold's training: network, optimiser and running average.

    Args:
        data: The fold's data.
        configuration: The configuration.
        seed: Seed of the first weights and of the batches, 0 or more.
        device: Where to compute.
        shrinks: Whether micro-batches shrink where a GPU lacks memory for them.
    """

    def __init__(
        self,
        data: FoldData,
        configuration: FoldConfiguration,
        seed: int,
        device: torch.device,
        shrinks: bool = False,
    ) -> None:
        self._data = data.to(device)
        self._shrinks = shrinks
        self.configuration = configuration
        self._seed = seed
        self._device = device
        self.network = _seeded_network(configuration, data.classes, self._seed, device)
        self._scorer = _seeded_network(configuration, data.classes, self._seed, device)
        self._optimiser = make_optimiser(configuration, self.network)
        self._class_loss_weights = _class_loss_weights(data, configuration).to(device)
        self.average = ExponentialMovingAverage(self.network, configuration.ema_decay)

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """Make one pass over the training speakers; nothing is read back from the device before its end.

        Args:
            epoch: The epoch, from 1; it seeds the batches.

        Returns:
            Mean training loss in nats an utterance, mean and largest gradient norm before clipping.
        """
        limit = self.configuration.gradient_clip or float("inf")
        self.network.train()
        losses, norms, utterances = [], [], 0
        with precision_context(self.configuration.precision, self._device):
            for batch in self._batches(epoch):
                losses.append(self._shrink_to_memory(partial(self._compute_gradients, batch), batch))
                norms.append(torch.nn.utils.clip_grad_norm_(self.network.parameters(), limit, foreach=True))
                self._optimiser.step()
                self.average.update()
                utterances += len(batch)
        return {
            "training_loss": float(torch.stack(losses).sum()) / utterances,
            "gradient_norm": float(torch.stack(norms).mean()),
            "gradient_norm_max": float(torch.stack(norms).max()),
        }

    def _compute_gradients(self, batch: NDArray[np.int64]) -> torch.Tensor:
        """Replace the network's gradient by a batch's; see `accumulate_gradients`."""
        self._optimiser.zero_grad(set_to_none=True)
        return self.accumulate_gradients(batch)

    def _shrink_to_memory(self, compute: Callable[[], _Value], utterances: NDArray[np.int64]) -> _Value:
        """Compute something of utterances; where memory does not suffice and it may, with ever smaller micro-batches.

        Args:
            compute: Computes it from the beginning.
            utterances: Utterance indices.

        Raises:
            RuntimeError: CUDA's error, where memory does not suffice for one utterance either.
        """
        longest = int(self._data.features.lengths[utterances].max())
        while True:
            try:
                return compute()
            except RuntimeError as error:
                if not self._shrinks or self._data.cost.max_frames < longest or not is_out_of_memory(error):
                    raise
            # After the block: the error's traceback holds the tensors that fill the memory.
            release_gpu_memory()
            self._data = self._data.with_smaller_micro_batches()

    def accumulate_gradients(self, batch: NDArray[np.int64]) -> torch.Tensor:
        """Add the gradient of a batch's mean loss to the network's, one micro-batch of like lengths after the other.

        Returns:
            The sum of the utterances' losses, in nats, on the device.
        """
        total = torch.zeros((), device=self._device)
        for micro_batch in micro_batches(self._data.features.lengths[batch], self._data.cost):
            loss = self._losses(batch[micro_batch]).sum()
            (loss / len(batch)).backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total

    def score(self, weights: Weights, subset: NDArray[np.int64]) -> ScoredEvaluation:
        """Score a subset of the fold's utterances with given weights."""
        self._scorer.load_state_dict(weights)
        with precision_context(self.configuration.precision, self._device):
            return self._shrink_to_memory(
                lambda: evaluate(self._scorer, self._data, self.configuration, subset), subset
            )

    def attention_effect(self, weights: Weights, subset: NDArray[np.int64]) -> AttentionEffect | None:
        """Measure what the attention does with given weights to a subset of the fold's utterances."""
        self._scorer.load_state_dict(weights)
        with precision_context(self.configuration.precision, self._device):
            return self._shrink_to_memory(
                lambda: measure_attention_effect(self._scorer, self._data, self.configuration, subset), subset
            )

    def _losses(self, batch: NDArray[np.int64]) -> torch.Tensor:
        frames, lengths = self._data.features.batch(batch)
        emotions, counts = to_device(self._data.emotions[batch], self._device), self._data.counts[batch]
        output = self.network(frames.to(self._device), to_device(lengths, self._device))
        losses = utterance_losses(output, lengths, emotions, counts, self.configuration)
        return losses * self._class_loss_weights[emotions]

    def _batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return an epoch's batches of utterance indices: the same for the same seed, fold and epoch."""
        training = self._data.training
        if self.configuration.balance == "upsample":
            training = upsample_to_largest_class(training, self._data.emotions.numpy()[training], (self._seed, epoch))
        lengths = self._data.features.lengths[training]
        batches = make_epoch_batches(lengths, self.configuration.batch_size, (self._seed, epoch))
        return [training[batch] for batch in batches]


def _seeded_network(
    configuration: FoldConfiguration, classes: int, seed: int, device: torch.device
) -> SpeechEmotionNetwork:
    """Return a network whose first weights depend on the seed alone; drawn on the CPU, equal on every device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SpeechEmotionNetwork(configuration, classes).to(device)


def _class_loss_weights(data: FoldData, configuration: FoldConfiguration) -> torch.Tensor:
    """Return the factor on the loss of an utterance of each class, shape `(class,)`."""
    if configuration.balance != "weights":
        return torch.ones(data.classes)
    return torch.from_numpy(class_weights(data.emotions.numpy()[data.training], data.classes)).float()
