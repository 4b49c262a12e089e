"""CTC against the sum over all paths, cross entropy, and both together."""

from itertools import groupby, product
from math import exp, inf, log

import pytest
import torch
from torch import Tensor

from ser.model.losses import (
    cross_entropy_losses,
    ctc_losses,
    emotion_log_likelihoods,
    joint_losses,
    scaled_ctc_losses,
    utterance_log_probabilities,
)
from ser.model.network import SpeechEmotionNetwork
from ser.training.evaluation import utterance_losses
from tests.support.toy_corpus import MEL, small

LENGTHS = [5, 1, 4, 2, 3]


def outputs(classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Log-probabilities of a ragged batch, with nonsense in padded frames."""
    torch.manual_seed(seed)
    log_probabilities = (2 * torch.randn(len(LENGTHS), max(LENGTHS), classes + 1, dtype=torch.float64)).log_softmax(-1)
    for row, length in enumerate(LENGTHS):
        log_probabilities[row, length:] = 7.0
    return log_probabilities, torch.tensor(LENGTHS)


def collapse(path: tuple[int, ...]) -> list[int]:
    """Repeats go first, then blanks."""
    return [label for label, _ in groupby(path) if label != 0]


def likelihood(log_probabilities: Tensor, emotion: int, count: int) -> float:
    """Eq. 1-2: the probability of all paths that collapse to the emotion, `count` times."""
    rows, classes = log_probabilities.tolist(), log_probabilities.shape[-1]
    paths = product(range(classes), repeat=len(rows))
    return sum(
        exp(sum(row[label] for row, label in zip(rows, path, strict=True)))
        for path in paths
        if collapse(path) == [emotion + 1] * count
    )


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("wanted", [1, 2, 3])
def test_losses_and_likelihoods_equal_the_sum_over_all_paths(classes: int, wanted: int) -> None:
    log_probabilities, lengths = outputs(classes)
    counts = torch.tensor([min(wanted, (length + 1) // 2) for length in LENGTHS])
    expected = [
        [log(likelihood(log_probabilities[row, :T], e, int(counts[row]))) for e in range(classes)]
        for row, T in enumerate(LENGTHS)
    ]
    found = emotion_log_likelihoods(log_probabilities, lengths, counts)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), atol=1e-10, rtol=0)
    emotions = torch.tensor([row % classes for row in range(len(LENGTHS))])
    losses = ctc_losses(log_probabilities, lengths, emotions, counts)
    assert losses.tolist() == pytest.approx([-expected[row][row % classes] for row in range(len(LENGTHS))], abs=1e-10)


def test_a_target_that_does_not_fit_has_infinite_loss_never_zero() -> None:
    log_probabilities, lengths = outputs(2)
    counts = torch.tensor([4, 2, 3, 2, 2])
    assert [likelihood(log_probabilities[row, :T], 0, int(counts[row])) > 0 for row, T in enumerate(LENGTHS)] == [
        False,
        False,
        False,
        False,
        True,
    ]
    losses = ctc_losses(log_probabilities, lengths, torch.zeros(5, dtype=torch.int64), counts).tolist()
    assert losses[:4] == [inf] * 4
    assert losses[4] < inf


def test_the_loss_is_divided_by_the_labels_only_where_asked() -> None:
    log_probabilities, lengths = outputs(3)
    emotions, counts = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([3, 1, 2, 1, 2])
    plain = ctc_losses(log_probabilities, lengths, emotions, counts)
    by_utterance = scaled_ctc_losses(log_probabilities, lengths, emotions, counts, "utterance")
    by_label = scaled_ctc_losses(log_probabilities, lengths, emotions, counts, "label")
    assert by_utterance.tolist() == plain.tolist()
    assert by_label.tolist() == pytest.approx(
        [loss / n for loss, n in zip(plain.tolist(), counts.tolist(), strict=True)]
    )


def test_gradients_stay_in_valid_frames() -> None:
    log_probabilities, lengths = outputs(2)
    log_probabilities.requires_grad_()
    emotions, counts = torch.zeros(5, dtype=torch.int64), torch.ones(5, dtype=torch.int64)
    ctc_losses(log_probabilities, lengths, emotions, counts).sum().backward()  # type: ignore[no-untyped-call]
    assert log_probabilities.grad is not None
    for row, length in enumerate(LENGTHS):
        assert (log_probabilities.grad[row, :length].abs().sum(dim=-1) > 0).all()
        assert log_probabilities.grad[row, length:].abs().sum() == 0


def test_cross_entropy_is_the_negative_log_probability() -> None:
    log_probabilities = torch.randn(3, 4, dtype=torch.float64).log_softmax(-1)
    emotions = torch.tensor([2, 0, 3])
    expected = [-log_probabilities[row, emotion].item() for row, emotion in enumerate([2, 0, 3])]
    assert cross_entropy_losses(log_probabilities, emotions).tolist() == expected


def test_the_joint_loss_is_the_weighted_sum_of_both() -> None:
    log_probabilities, lengths = outputs(2)
    emotions, counts = torch.tensor([0, 1, 1, 0, 1]), torch.tensor([3, 1, 2, 1, 2])
    expected = []
    for row, (T, N) in enumerate(zip(LENGTHS, counts.tolist(), strict=True)):
        emotion = int(emotions[row])
        ctc = -log(likelihood(log_probabilities[row, :T], emotion, N))
        means = [sum(log_probabilities[row, t, 1 + k].item() for t in range(T)) / T for k in range(2)]
        cross_entropy = log(sum(exp(mean) for mean in means)) - means[emotion]
        expected.append(0.3 * ctc / N + 0.7 * cross_entropy)
    found = joint_losses(log_probabilities, lengths, emotions, counts, ctc_weight=0.3)
    assert found.tolist() == pytest.approx(expected, abs=1e-10)


def test_an_utterance_is_recognised_from_its_mean_frame() -> None:
    torch.manual_seed(1)
    network = SpeechEmotionNetwork(small(criterion="joint"), 3).double()
    frames, lengths = torch.randn(2, 6, MEL, dtype=torch.float64), torch.tensor([6, 4])
    found = utterance_log_probabilities(network(frames, lengths), lengths)
    C = network.encode(frames, lengths)
    for row, length in enumerate(lengths.tolist()):
        logits = network.output.weight[1:] @ C[row, :length].mean(dim=0) + network.output.bias[1:]
        torch.testing.assert_close(found[row], logits.log_softmax(dim=0))


def test_each_criterion_gets_its_own_loss() -> None:
    log_probabilities, lengths = outputs(2)
    emotions, counts = torch.tensor([0, 1, 1, 0, 1]), torch.tensor([3, 1, 2, 1, 2])
    for scale in ("utterance", "label"):
        found = utterance_losses(log_probabilities, lengths, emotions, counts, small(loss_scale=scale))
        expected = scaled_ctc_losses(log_probabilities, lengths, emotions, counts, scale)
        assert found.tolist() == expected.tolist()
    single = log_probabilities[:, 0, 1:].log_softmax(-1)
    found = utterance_losses(single, lengths, emotions, counts, small(criterion="cross_entropy"))
    assert found.tolist() == cross_entropy_losses(single, emotions).tolist()
    joint = small(criterion="joint", joint_ctc_weight=0.2)
    found = utterance_losses(log_probabilities, lengths, emotions, counts, joint)
    assert found.tolist() == joint_losses(log_probabilities, lengths, emotions, counts, 0.2).tolist()
