"""RMSProp, the running average and the choice of an epoch, against recursions written out."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ser.config import Selection
from ser.training.optimizer import EpochSelector, ExponentialMovingAverage, Tf1RmsProp, make_optimiser
from tests.support.toy_corpus import small

STEPS = 7


def parameters_and_gradients() -> tuple[list[nn.Parameter], list[list[torch.Tensor]]]:
    torch.manual_seed(0)
    shapes = [(3, 2), (4,)]
    weights = [nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in shapes]
    return weights, [[3 * torch.randn(shape, dtype=torch.float64) for shape in shapes] for _ in range(STEPS)]


def test_tf1_rmsprop_equals_its_recursion() -> None:
    weights, gradients = parameters_and_gradients()
    optimiser = Tf1RmsProp(weights, lr=0.01)
    expected = [weight.detach().numpy().copy() for weight in weights]
    mean_square = [np.ones_like(each) for each in expected]
    for step in gradients:
        for index, (weight, gradient) in enumerate(zip(weights, step, strict=True)):
            weight.grad = gradient.clone()
            g = gradient.numpy()
            mean_square[index] = 0.9 * mean_square[index] + 0.1 * g**2
            expected[index] = expected[index] - 0.01 * g / np.sqrt(mean_square[index] + 1e-10)
        optimiser.step()
        for weight, reference in zip(weights, expected, strict=True):
            np.testing.assert_allclose(weight.detach().numpy(), reference, rtol=1e-12)


def test_the_epsilon_of_tf1_rmsprop_is_inside_the_root() -> None:
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimiser = Tf1RmsProp([weight], lr=1.0, decay=0.0, epsilon=1.0)
    weight.grad = torch.tensor([2.0], dtype=torch.float64)
    optimiser.step()
    assert weight.item() == pytest.approx(-2 / np.sqrt(5))


def test_tf1_rmsprop_leaves_weights_without_gradient_alone() -> None:
    still, moved = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    moved.grad = torch.ones(2)
    Tf1RmsProp([still, moved], lr=0.1).step()
    assert still.eq(1).all()
    assert moved.ne(1).all()


def test_torch_rmsprop_equals_its_recursion() -> None:
    network = nn.Linear(3, 2).double()
    optimiser = make_optimiser(small(rmsprop="torch", learning_rate=0.01), network)
    expected, mean_square = network.weight.detach().numpy().copy(), np.zeros((2, 3))
    for seed in range(STEPS):
        g = np.random.default_rng(seed).standard_normal((2, 3))
        network.weight.grad = torch.from_numpy(g)
        mean_square = 0.99 * mean_square + 0.01 * g**2
        expected = expected - 0.01 * g / (np.sqrt(mean_square) + 1e-8)
        optimiser.step()
        np.testing.assert_allclose(network.weight.detach().numpy(), expected, rtol=1e-10)


def test_the_configuration_names_flavour_and_learning_rate() -> None:
    network = nn.Linear(2, 1)
    torch_flavour = make_optimiser(small(rmsprop="torch", learning_rate=0.5), network)
    tf1 = make_optimiser(small(rmsprop="tf1", learning_rate=0.25), network)
    assert isinstance(torch_flavour, torch.optim.RMSprop)
    assert torch_flavour.defaults["lr"] == 0.5
    assert isinstance(tf1, Tf1RmsProp)
    assert tf1.defaults == {"lr": 0.25, "decay": 0.9, "epsilon": 1e-10}


@pytest.mark.parametrize("decay", [0.3, 0.98])
def test_the_running_average_equals_its_recursion(decay: float) -> None:
    network = nn.Linear(3, 2).double()
    average = ExponentialMovingAverage(network, decay)
    expected = network.weight.detach().numpy().copy()
    for step in range(1, 30):
        with torch.no_grad():
            network.weight.copy_(torch.randn(2, 3))
        average.update()
        d = min(decay, (1 + step) / (10 + step))
        expected = d * expected + (1 - d) * network.weight.detach().numpy()
        np.testing.assert_allclose(average.weights()["weight"].numpy(), expected, rtol=1e-12)
    assert set(average.weights()) == {"weight", "bias"}


def test_without_decay_copies_of_the_weights_are_scored() -> None:
    network = nn.Linear(3, 2)
    average = ExponentialMovingAverage(network, None)
    before = average.weights()["weight"]
    with torch.no_grad():
        network.weight += 1
    average.update()
    torch.testing.assert_close(average.weights()["weight"], network.weight.detach())
    torch.testing.assert_close(before + 1, network.weight.detach())


def choose(selection: Selection, uas: list[float], losses: list[float]) -> tuple[int, int]:
    """The chosen epoch, and the epoch whose weights came with it."""
    selector = EpochSelector(selection)
    for epoch, (ua, loss) in enumerate(zip(uas, losses, strict=True), start=1):
        selector.update(ua, loss, {"epoch": torch.tensor(epoch)})
    epoch, weights = selector.best()
    return epoch, int(weights["epoch"])


def naive_choice(uas: list[float], losses: list[float]) -> int:
    """The rule over the whole history, in exact fractions."""
    exact = [Fraction(ua) for ua in uas]

    def smoothed(index: int) -> Fraction:
        around = exact[max(0, index - 2) : index + 3]
        return sum(around, Fraction()) / len(around)

    best = max(smoothed(index) for index in range(len(uas)))
    tied = [index for index in range(len(uas)) if smoothed(index) == best]
    return min(tied, key=lambda index: (losses[index], index)) + 1


# Quarters tie often, and their sums over windows are exact; thirds of five tie where rounding could break it.
quarters = st.integers(0, 4).map(lambda n: n / 4)


@given(history=st.lists(st.tuples(quarters, st.sampled_from([0.5, 1.0, 1.5])), min_size=1, max_size=25))
@settings(deadline=None)
def test_the_best_epoch_equals_a_choice_over_the_whole_history(history: list[tuple[float, float]]) -> None:
    uas, losses = [ua for ua, _ in history], [loss for _, loss in history]
    expected = naive_choice(uas, losses)
    assert choose("best_validation", uas, losses) == (expected, expected)


@pytest.mark.parametrize("ua", [0.1, 0.2, 0.25, 0.3, 1 / 3, 0.7, 1 / 7, 5 / 12])
def test_the_loss_decides_where_ua_is_constant(ua: float) -> None:
    for best in range(9):
        losses = [2.0 - (index == best) for index in range(9)]
        assert choose("best_validation", [ua] * 9, losses) == (best + 1, best + 1)


def test_equal_uas_in_another_order_tie() -> None:
    uas = [0.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.7, 0.0, 0.0, 0.7, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0]
    lower_second = [1.0] * 8 + [0.5] * 8
    assert choose("best_validation", uas, lower_second)[0] > 8
    assert choose("best_validation", uas, lower_second[::-1])[0] <= 8


def test_one_lucky_epoch_does_not_win_over_a_good_stretch() -> None:
    uas = [0.3, 0.9, 0.3, 0.3, 0.3, 0.6, 0.6, 0.6, 0.6, 0.6, 0.3]
    assert choose("best_validation", uas, [1.0] * 11) == (8, 8)


def test_the_last_epoch_is_taken_whatever_the_scores() -> None:
    assert choose("last", [0.9, 0.5, 0.1], [0.1, 0.5, 0.9]) == (3, 3)


@pytest.mark.parametrize(("selection", "most"), [("last", 1), ("best_validation", 3)])
def test_no_more_weights_are_kept_than_the_choice_needs(selection: Selection, most: int) -> None:
    selector = EpochSelector(selection)
    for epoch in range(50):
        selector.update((epoch * 7 % 11) / 11, 1.0, {})
        assert len(selector._candidates) <= most
