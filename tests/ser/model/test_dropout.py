"""Dropout: seeded, one mask an utterance, nothing in evaluation, nothing at all where it is off."""

from typing import Any

import pytest
import torch
from torch import Tensor

from ser.model.dropout import UtteranceDropout
from ser.model.network import SpeechEmotionNetwork
from tests.support.toy_corpus import MEL, READINGS, assert_identical, same_weights, small, train

LENGTHS = torch.tensor([9, 4])


def seeded(share: float = 0.25, seed: int = 3) -> UtteranceDropout:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return UtteranceDropout(share)


def network_of(seed: int = 3, **changes: object) -> SpeechEmotionNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SpeechEmotionNetwork(small(**changes), 3)


def frames() -> Tensor:
    torch.manual_seed(8)
    return torch.randn(2, 9, MEL)


def test_a_mask_holds_for_a_whole_utterance() -> None:
    dropped = seeded()(torch.ones(50, 7, 40))
    assert dropped.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[0], dropped[1])
    # 2000 draws: three deviations of a share of 0.25 are 0.03.
    assert float((dropped[:, 0] == 0).float().mean()) == pytest.approx(0.25, abs=0.03)


def test_masks_do_not_depend_on_padding() -> None:
    one, other = seeded()(torch.ones(4, 5, 6)), seeded()(torch.ones(4, 11, 6))
    assert torch.equal(one, other[:, :5])


def test_masks_follow_the_seed_alone() -> None:
    before = torch.get_rng_state()
    one, again, other = (seeded(seed=seed) for seed in (3, 3, 4))
    values = torch.ones(8, 1, 16)
    first, second = one(values), one(values)
    assert torch.equal(first, again(values))
    assert not torch.equal(first, second)
    assert not torch.equal(first, other(values))
    assert torch.equal(torch.get_rng_state(), before)


def test_evaluation_drops_nothing() -> None:
    values = torch.randn(3, 4, 5)
    assert seeded().eval()(values) is values


@pytest.mark.parametrize("name", READINGS)
def test_dropout_changes_neither_first_weights_nor_scores(name: str) -> None:
    plain, dropping = network_of(**READINGS[name]), network_of(**READINGS[name], dropout=0.5)
    assert plain.state_dict().keys() == dropping.state_dict().keys()
    assert all(torch.equal(one, dropping.state_dict()[name]) for name, one in plain.state_dict().items())
    expected = plain.eval()(frames(), LENGTHS)
    assert torch.equal(dropping.eval()(frames(), LENGTHS), expected)
    assert not torch.allclose(dropping.train()(frames(), LENGTHS), expected)


def test_frames_that_lie_as_rows_are_dropped_alike() -> None:
    values = torch.randn(3, 4, 5)
    utterances = torch.tensor([2, 0, 2, 1])
    rows = seeded().forward_packed(values[utterances, torch.arange(4)], utterances, batch=3)
    assert torch.equal(rows, seeded()(values)[utterances, torch.arange(4)])
    assert torch.equal(seeded().eval().forward_packed(values[0], utterances, batch=3), values[0])


@pytest.mark.parametrize(("layers", "places"), [(1, 1), (2, 2), (3, 3)])
def test_it_stands_between_layers_and_before_the_linear_layer(
    layers: int, places: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of(layers=layers, dropout=0.5)
    dropped: list[str] = []
    for name in ("forward", "forward_packed"):
        own = getattr(UtteranceDropout, name)

        def noted(self: UtteranceDropout, *given: object, own: Any = own, name: str = name) -> Tensor:
            dropped.append(name)
            values: Tensor = own(self, *given)
            return values

        monkeypatch.setattr(UtteranceDropout, name, noted)
    network(frames(), LENGTHS)
    assert dropped == ["forward_packed"] * (places - 1) + ["forward"]


@pytest.mark.parametrize("dropout", [None, 0.3])
def test_the_output_layer_may_have_a_share_of_its_own(dropout: float | None) -> None:
    network = network_of(dropout=dropout, output_dropout=0.8)
    places = (network.recurrent.dropout, network.output_dropout)
    assert [None if place is None else place.share for place in places] == [dropout, 0.8]
    assert network_of(dropout=0.3, output_dropout=0).output_dropout is None
    shared = network_of(dropout=0.3)
    assert shared.output_dropout is shared.recurrent.dropout


def test_the_masks_of_two_dropouts_differ() -> None:
    network = network_of(dropout=0.3, output_dropout=0.5)
    values = torch.ones(40, 1, 8)
    assert network.recurrent.dropout is not None
    assert network.output_dropout is not None
    one, other = network.recurrent.dropout(values) > 0, network.output_dropout(values) > 0
    # Of the features that the smaller share retains, the larger one drops about half as it would without the other.
    assert float((one & other).float().mean()) == pytest.approx(0.7 * 0.5, abs=0.09)


def test_a_fold_with_dropout_is_the_same_again() -> None:
    dropping = train(small(dropout=0.4))
    assert_identical(dropping, train(small(dropout=0.4)))
    assert not same_weights(dropping, train(small()))
    assert not same_weights(dropping, train(small(dropout=0.3)))
