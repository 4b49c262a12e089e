"""Training one fold: repeatable to the bit, blind to what it must not see, and able to learn."""

import itertools
import time
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from ser.config import FoldConfiguration
from ser.corpora.corpus import Corpus
from ser.errors import TrainingError
from ser.identity import weight_seed
from ser.metrics import evaluation_confusion, unweighted_accuracy
from ser.model.network import SpeechEmotionNetwork
from ser.results import EpochRecord
from ser.training import evaluation, fold_training
from ser.training import trainer as training
from ser.training.batching import class_weights
from ser.training.data import FoldData, prepare_fold_data
from ser.training.evaluation import utterance_losses
from ser.training.fold_training import FoldTraining
from ser.training.trainer import TrainedFold
from tests.support.bf16 import require_bf16
from tests.support.toy_corpus import (
    READINGS,
    Change,
    assert_identical,
    fold_of,
    relabelled,
    same_weights,
    small,
    toy_corpus,
    toy_store,
    train,
)

CORPUS = toy_corpus()
TEST = [index for index, u in enumerate(CORPUS.utterances) if u.speaker == "f1"]
VALIDATION = [index for index, u in enumerate(CORPUS.utterances) if u.speaker == "m1"]
TRAINING = [index for index, u in enumerate(CORPUS.utterances) if u.speaker in ("f2", "m2")]

VARIANTS = {name: small(**reading) for name, reading in READINGS.items()} | {
    "none-cross_entropy": small(criterion="cross_entropy"),
    "paper": small(
        rmsprop="tf1",
        gradient_clip=None,
        ema_decay=None,
        selection="best_validation",
        decision="best_path",
        normalisation="minmax_utterance",
    ),
    "upsample": small(balance="upsample"),
}


@cache
def observed(name: str) -> tuple[TrainedFold, list[EpochRecord]]:
    """A variant's fold, and the records that were heard of its epochs."""
    heard: list[EpochRecord] = []
    return train(VARIANTS[name], on_epoch_end=heard.append), heard


@pytest.mark.parametrize("name", VARIANTS)
def test_the_same_inputs_give_the_same_result_to_the_bit(name: str) -> None:
    assert_identical(observed(name)[0], train(VARIANTS[name]))


def test_bf16_is_repeatable_too_and_is_not_fp32() -> None:
    require_bf16()
    bf16, fp32 = small(precision="bf16", cells=16), small(precision="fp32", cells=16)
    assert_identical(train(bf16), train(bf16))
    assert not same_weights(train(bf16), train(fp32))


def test_bf16_is_for_the_blstm_alone() -> None:
    require_bf16()
    network = SpeechEmotionNetwork(small(precision="bf16"), 3)
    frames, lengths = torch.randn(2, 6, 5), torch.tensor([6, 4])
    C = network.encode(frames, lengths)
    assert C.dtype == torch.float32
    assert torch.equal(C, C.bfloat16().float()), "the BLSTM's outputs are bf16 numbers"
    assert network(frames, lengths).dtype == torch.float32
    assert all(weight.dtype == torch.float32 for weight in network.parameters())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_one_thread_and_two_give_the_same_result(precision: str) -> None:
    if precision == "bf16":
        require_bf16()
    configuration = small(precision=precision, attention="component", cells=48, batch_size=9, epochs=1)
    store = toy_store(CORPUS, longest=40)
    before = torch.get_num_threads()
    trained = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            trained.append(train(configuration, CORPUS, store=store))
    finally:
        torch.set_num_threads(before)
    assert_identical(*trained)


def test_global_random_numbers_are_neither_used_nor_touched() -> None:
    torch.manual_seed(1)
    np.random.seed(1)
    first = train(small(balance="upsample"))
    torch.manual_seed(2)
    np.random.seed(2)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    second = train(small(balance="upsample"))
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # type: ignore[index]
    assert_identical(first, second)


def test_the_order_of_folds_does_not_matter() -> None:
    one, two = fold_of(CORPUS, 0), fold_of(CORPUS, 1)
    forwards = [train(small(), fold=fold) for fold in (one, two)]
    backwards = [train(small(), fold=fold) for fold in (two, one)]
    assert_identical(forwards[0], backwards[1])
    assert_identical(forwards[1], backwards[0])
    assert not same_weights(*forwards)


def test_seeds_differ() -> None:
    assert not same_weights(train(small(seed=1)), train(small(seed=2)))


def test_labels_of_the_test_speaker_reach_no_decision() -> None:
    other = relabelled(CORPUS, "f1")
    configuration = small(selection="best_validation", balance="weights")
    before, after = (train(configuration, corpus, store=toy_store(CORPUS)) for corpus in (CORPUS, other))
    assert same_weights(before, after)
    assert after.result.test.actual != before.result.test.actual
    assert after.result.test.loss != before.result.test.loss
    hidden = {"actual": (), "loss": None}
    assert after.result.test.model_copy(update=hidden) == before.result.test.model_copy(update=hidden)
    assert after.result.validation == before.result.validation
    assert [record.values for record in after.result.curve] == [record.values for record in before.result.curve]


def test_labels_of_the_validation_speaker_train_nothing() -> None:
    before, after = (train(small(), corpus, store=toy_store(CORPUS)) for corpus in (CORPUS, relabelled(CORPUS, "m1")))
    assert same_weights(before, after)
    assert after.result.test == before.result.test
    assert after.result.validation.actual != before.result.validation.actual


@pytest.mark.parametrize("normalisation", ["minmax_utterance", "minmax_training", "zscore_training", "zscore_speaker"])
@pytest.mark.parametrize("changed", [TEST, VALIDATION], ids=["test", "validation"])
def test_speech_of_other_speakers_trains_nothing(normalisation: str, changed: list[int]) -> None:
    louder: Change = lambda index, raw: np.float32(1.5) * raw + 2 if index in changed else raw  # noqa: E731
    configuration = small(normalisation=normalisation)
    before, after = (train(configuration, store=toy_store(CORPUS, change)) for change in (None, louder))
    assert same_weights(before, after)
    heard = ("training_loss", "gradient_norm", "gradient_norm_max")
    for one, two in zip(before.result.curve, after.result.curve, strict=True):
        assert [one.values[name] for name in heard] == [two.values[name] for name in heard]
    if normalisation == "zscore_training":
        assert (after.result.test.loss != before.result.test.loss) == (changed is TEST)


@pytest.mark.parametrize("normalisation", ["minmax_training", "zscore_training"])
def test_training_speech_informs_the_normalisation_of_all(normalisation: str) -> None:
    louder: Change = lambda index, raw: raw + 5 if index == TRAINING[0] else raw  # noqa: E731
    configuration = small(normalisation=normalisation)
    views = [
        prepare_fold_data(CORPUS, toy_store(CORPUS, change), configuration, fold_of(CORPUS)).features
        for change in (None, louder)
    ]
    assert not torch.equal(views[0].batch(TEST)[0], views[1].batch(TEST)[0])


def test_the_test_speaker_is_scored_once_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[list[int]] = []

    def spy(network: Any, data: Any, configuration: Any, part: Any) -> Any:
        parts.append(part.tolist())
        return evaluation.evaluate(network, data, configuration, part)

    monkeypatch.setattr(fold_training, "evaluate", spy)
    train(small(epochs=3, selection="best_validation"))
    assert parts[:4] == [VALIDATION] * 3 + [TEST]
    assert parts.count(TEST) == 1


def with_nan(where: int) -> Change:
    def change(index: int, raw: np.ndarray) -> np.ndarray:
        raw = raw.copy()
        raw[3, 1] = np.nan if index == where else raw[3, 1]
        return raw

    return change


@pytest.mark.parametrize("normalisation", ["zscore_training", "zscore_speaker", "minmax_utterance"])
@pytest.mark.parametrize(
    ("where", "text"), [(TRAINING[2], "training_loss is nan"), (VALIDATION[1], "validation_loss is nan")]
)
def test_a_nan_in_the_features_stops_the_fold_and_names_it(where: int, text: str, normalisation: str) -> None:
    with pytest.raises(TrainingError, match=rf"^fold f1, epoch 1: expected finite numbers, but .*{text}"):
        train(small(normalisation=normalisation), store=toy_store(CORPUS, with_nan(where)))


def test_a_nan_in_the_test_features_is_not_scored() -> None:
    with pytest.raises(TrainingError, match=r"^fold f1, epoch 3: expected finite numbers, but test_loss is nan$"):
        train(small(epochs=3), store=toy_store(CORPUS, with_nan(TEST[0])))


def test_a_step_that_leads_to_no_number_stops_the_fold() -> None:
    with pytest.raises(TrainingError, match="fold f1, epoch 1: expected finite numbers, but"):
        train(small(learning_rate=1e38, gradient_clip=None, ema_decay=None, epochs=2))


@pytest.mark.parametrize("ema_decay", [None, 0.5])
@pytest.mark.parametrize("best", [1, 4, 7])
def test_best_validation_scores_weights_of_the_selected_epoch(
    best: int, ema_decay: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured, epochs = training._validation_values, itertools.count(1)

    def peaked(*arguments: Any) -> dict[str, float]:
        return measured(*arguments) | {"validation_ua": 1 / (1 + abs(next(epochs) - best))}

    with monkeypatch.context() as patch:
        patch.setattr(training, "_validation_values", peaked)
        chosen = train(small(selection="best_validation", epochs=11, ema_decay=ema_decay))
    assert chosen.result.selected_epoch == best
    # Training only that far must give the same weights.
    shorter = train(small(selection="last", epochs=best, ema_decay=ema_decay))
    assert same_weights(chosen, shorter)
    assert chosen.result.test == shorter.result.test
    assert chosen.result.validation == shorter.result.validation
    assert chosen.result.validation.loss == chosen.result.curve[best - 1].values["validation_loss"]


def test_best_validation_goes_by_the_validation_speaker() -> None:
    # With that speaker's emotions permuted, the more is learnt the less it scores.
    others = [
        train(small(selection="best_validation", epochs=12), corpus, store=toy_store(CORPUS)).result
        for corpus in (CORPUS, relabelled(CORPUS, "m1"))
    ]
    assert others[0].selected_epoch > 6
    assert others[1].selected_epoch < 4


def test_last_scores_the_last_epoch() -> None:
    assert train(small(selection="last", epochs=4)).result.selected_epoch == 4


def unequal_corpus(joys: int = 3) -> Corpus:
    """Training speakers have 6 x anger, 3 or 4 x joy and 2 x sadness in all."""
    dropped = {"f2-joy-0", "f2-joy-1", "m2-joy-0"} if joys == 3 else {"f2-joy-0", "m2-joy-0"}
    dropped |= {"f2-sadness-0", "f2-sadness-1", "m2-sadness-0", "m2-sadness-1"}
    kept = tuple(u for u in CORPUS.utterances if u.id not in dropped)
    return replace(CORPUS, utterances=kept, samples_sha256=tuple(u.id for u in kept))


def first_losses(data: FoldData, configuration: FoldConfiguration) -> tuple[np.ndarray, np.ndarray]:
    """Losses of the training utterances before the first step, and their classes."""
    torch.manual_seed(weight_seed(configuration, fold_of(data.corpus)))
    network = SpeechEmotionNetwork(configuration, 3)
    frames, lengths = data.features.batch(data.training)
    emotions, counts = data.emotions[data.training], data.counts[data.training]
    losses = utterance_losses(network(frames, lengths), lengths, emotions, counts, configuration)
    return losses.detach().double().numpy(), emotions.numpy()


@pytest.mark.parametrize("loss_scale", ["utterance", "label"])
@pytest.mark.parametrize("balance", ["none", "weights", "upsample"])
def test_the_first_batch_has_the_balanced_mean_of_the_losses(balance: str, loss_scale: str) -> None:
    corpus = unequal_corpus()
    configuration = small(balance=balance, loss_scale=loss_scale, batch_size=99, epochs=1)
    store = toy_store(corpus)
    losses, classes = first_losses(prepare_fold_data(corpus, store, configuration, fold_of(corpus)), configuration)
    assert np.bincount(classes).tolist() == [6, 3, 2]
    weights = {
        "none": np.ones(3),
        "weights": class_weights(classes, 3),
        # Each class counts as six utterances among eighteen.
        "upsample": len(classes) / 18 * np.asarray([1, 2, 3]),
    }[balance]
    found = train(configuration, corpus, store=store).result.curve[0].values["training_loss"]
    assert found == pytest.approx(float((weights[classes] * losses).mean()), rel=1e-5)


def test_balancing_equal_classes_changes_nothing() -> None:
    assert same_weights(train(small(balance="none")), train(small(balance="weights")))


def test_upsampling_draws_anew_each_epoch() -> None:
    # Four of a kind become six by two that are drawn.
    corpus = unequal_corpus(joys=4)
    data = prepare_fold_data(corpus, toy_store(corpus), small(balance="upsample"), fold_of(corpus))
    trainer = FoldTraining(data, small(balance="upsample"), 1, torch.device("cpu"))
    drawn = [np.sort(np.concatenate(trainer._batches(epoch))).tolist() for epoch in (1, 1, 2, 3, 4)]
    assert drawn[0] == drawn[1]
    assert all(len(each) == 18 and set(each) == set(data.training.tolist()) for each in drawn)
    assert len({tuple(each) for each in drawn}) > 1


def test_batches_change_from_epoch_to_epoch() -> None:
    data = prepare_fold_data(CORPUS, toy_store(CORPUS), small(), fold_of(CORPUS))
    trainer = FoldTraining(data, small(), 1, torch.device("cpu"))
    batches = [[batch.tolist() for batch in trainer._batches(epoch)] for epoch in (1, 2)]
    assert batches[0] != batches[1]
    assert all(sorted(itertools.chain(*each)) == data.training.tolist() for each in batches)


@pytest.mark.parametrize("name", READINGS)
def test_a_batch_computed_in_parts_has_the_gradient_of_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for parts in (1, 3):
        monkeypatch.setattr(
            fold_training, "micro_batches", lambda lengths, cost, n=parts: np.array_split(np.argsort(-lengths), n)
        )
        data = prepare_fold_data(CORPUS, toy_store(CORPUS), small(**READINGS[name]), fold_of(CORPUS))
        trainer = FoldTraining(data, small(**READINGS[name]), 1, torch.device("cpu"))
        loss = trainer.accumulate_gradients(data.training)
        found.append((float(loss), [weight.grad for weight in trainer.network.parameters()]))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-6)
    # Gradients that nearly cancel, such as those of scores under a softmax, are held to the whole's size.
    size = float(torch.stack([weight.norm() for weight in found[0][1]]).norm())
    for parted, whole in zip(found[1][1], found[0][1], strict=True):
        assert float((parted - whole).norm()) <= 1e-6 * size
        assert float(whole.norm()) > 0


def test_only_a_small_clip_changes_gradients() -> None:
    off, wide, narrow = (train(small(gradient_clip=clip, rmsprop="tf1")) for clip in (None, 1e9, 1e-3))
    assert same_weights(off, wide)
    assert not same_weights(off, narrow)
    norms = [trained.result.curve[0].values["gradient_norm_max"] for trained in (off, narrow)]
    assert min(norms) > 0.01, "norms are those before clipping"


COMMON = {"training_loss", "gradient_norm", "gradient_norm_max"}
COMMON |= {"validation_loss", "validation_ua", "validation_wa"}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_curve_has_its_metrics_each_epoch_and_is_reported(name: str) -> None:
    trained, heard = observed(name)
    result = trained.result
    more = {"negative_weight_share", "saturated_weight_share"} if name.startswith("quantum") else set()
    assert [record.epoch for record in result.curve] == [1, 2, 3]
    assert all(set(record.values) == COMMON | more for record in result.curve)
    assert tuple(heard) == result.curve
    times = [result.started_ms, *(record.ended_ms for record in result.curve), result.ended_ms]
    assert times == sorted(times)
    assert all(0 <= record.values[share] <= 1 for record in result.curve for share in more)


def test_a_clock_that_is_set_back_changes_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    clock_ns = iter(range(10**18, 0, -(10**12)))
    monkeypatch.setattr(time, "time_ns", lambda: next(clock_ns))
    result = train(small(epochs=2)).result
    times = [result.started_ms, *(record.ended_ms for record in result.curve), result.ended_ms]
    assert times == sorted(times)


@pytest.mark.parametrize("criterion", ["ctc", "cross_entropy"])
@pytest.mark.parametrize("name", READINGS)
def test_every_attention_learns_what_is_easy(name: str, criterion: str) -> None:
    configuration = small(**READINGS[name], criterion=criterion, cells=8, epochs=15, ema_decay=0.8)
    result = train(configuration).result
    assert unweighted_accuracy(evaluation_confusion(result.test, 3)) >= 0.8
    assert result.curve[-1].values["training_loss"] < 0.6 * result.curve[0].values["training_loss"]
