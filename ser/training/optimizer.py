"""Steps of RMSProp, the running average of weights, and the choice of an epoch."""

from collections.abc import Callable, Iterable
from statistics import mean
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ser.config import FoldConfiguration, Selection

Weights = dict[str, Tensor]
"""A network's parameters by name."""


class Tf1RmsProp(Optimizer):
    """RMSProp as the paper's framework had it: the mean square starts at 1, epsilon is inside the root.

    ms <- 0.9 ms + 0.1 g^2; w <- w - lr g / sqrt(ms + 1e-10).

    Args:
        parameters: What to train.
        lr: Learning rate.
        decay: Decay of the mean square, 0..1.
        epsilon: Added inside the root.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, decay: float = 0.9, epsilon: float = 1e-10
    ) -> None:
        super().__init__(parameters, {"lr": lr, "decay": decay, "epsilon": epsilon})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Make one step along the gradients that stand."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            gradients = [weight.grad for weight in weights]
            for weight in weights:
                if not self.state[weight]:
                    self.state[weight]["mean_square"] = torch.ones_like(weight)
            mean_squares = [self.state[weight]["mean_square"] for weight in weights]
            torch._foreach_mul_(mean_squares, group["decay"])
            torch._foreach_addcmul_(mean_squares, gradients, gradients, 1 - group["decay"])
            roots = torch._foreach_add(mean_squares, group["epsilon"])
            torch._foreach_sqrt_(roots)
            torch._foreach_addcdiv_(weights, gradients, roots, -group["lr"])


def make_optimiser(configuration: FoldConfiguration, network: nn.Module) -> Optimizer:
    """Return the flavour of RMSProp that the configuration names."""
    if configuration.rmsprop == "tf1":
        return Tf1RmsProp(network.parameters(), lr=configuration.learning_rate)
    return torch.optim.RMSprop(network.parameters(), lr=configuration.learning_rate, alpha=0.99, eps=1e-8, foreach=True)


class ExponentialMovingAverage:
    """Weights that are scored: a running average, or the weights as they stand.

    The average is warmed up: step n uses decay min(d, (1 + n) / (10 + n)), so that the random
    first weights are soon forgotten.

    Args:
        network: The network that is trained.
        decay: d, decay per step, or None for no average.
    """

    def __init__(self, network: nn.Module, decay: float | None) -> None:
        self._decay = decay
        self._steps = 0
        self._live = [parameter.detach() for parameter in network.parameters()]
        self._names = [name for name, _ in network.named_parameters()]
        self._average = [weight.clone() for weight in self._live] if decay is not None else []

    def update(self) -> None:
        """Take in the weights after a step."""
        if self._decay is not None:
            self._steps += 1
            decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
            torch._foreach_lerp_(self._average, self._live, 1 - decay)

    def weights(self) -> Weights:
        """Return a copy of the weights to score, by parameter name."""
        source = self._live if self._decay is None else self._average
        return {name: weight.clone() for name, weight in zip(self._names, source, strict=True)}


class EpochSelector:
    """Choose the epoch whose weights are scored, and retain no more weights than the choice needs.

    `best_validation`: the best validation UA averaged over the five epochs around it (fewer at the
    ends), ties to the lower validation loss, then to the earlier epoch. `last`: the last epoch.
    """

    _HALF_WINDOW = 2

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._scores: list[float] = []
        self._losses: list[float] = []
        self._candidates: dict[int, Weights] = {}

    def update(self, validation_ua: float, validation_loss: float, weights: Weights) -> None:
        """Take in an epoch's validation UA, validation loss and weights, in the order of epochs."""
        self._scores.append(validation_ua)
        self._losses.append(validation_loss)
        epoch = len(self._scores)
        self._candidates[epoch] = weights
        if self._selection == "last":
            self._candidates = {epoch: weights}
            return
        # Epochs whose window is complete can no longer change: only the best of them can win.
        final = [e for e in self._candidates if e + self._HALF_WINDOW <= epoch]
        if final:
            best = max(final, key=self._rank)
            self._candidates = {e: w for e, w in self._candidates.items() if e == best or e not in final}

    def best(self) -> tuple[int, Weights]:
        """Return the chosen epoch, from 1, and its weights."""
        epoch = max(self._candidates, key=self._rank)
        return epoch, self._candidates[epoch]

    def _rank(self, epoch: int) -> tuple[float, float, int]:
        if self._selection == "last":
            return (0.0, 0.0, epoch)
        window = self._scores[max(0, epoch - 1 - self._HALF_WINDOW) : epoch + self._HALF_WINDOW]
        # The exact mean, rounded once: equal UAs in another order, or in a shorter window, must tie.
        return (mean(window), -self._losses[epoch - 1], -epoch)
