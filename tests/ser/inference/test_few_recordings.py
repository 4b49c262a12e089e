"""Decisions by the statistics of few recordings of a speaker: chosen the same every time, and no other's."""

from dataclasses import replace

import numpy as np
import torch

from ser.features.store import FeatureStore
from ser.inference.few_recordings import _rank_recordings, decide_with_few_recordings
from ser.inference.scoring import normalise, score_utterances, training_normalisation
from ser.model.network import SpeechEmotionNetwork
from ser.training.trainer import TrainedFold, train_fold
from tests.support.toy_corpus import CPU, fold_of, small, toy_corpus, toy_store

CORPUS = toy_corpus()
SPEAKERS = [utterance.speaker for utterance in CORPUS.utterances]


def shifted_store() -> FeatureStore:
    """Frames whose levels differ between utterances, and that of the test speaker from all others'."""
    return toy_store(
        CORPUS, lambda index, frames: frames + np.float32(4 * np.sin(7 * index) + 8 * (SPEAKERS[index] == "f1"))
    )


def trained(store: FeatureStore) -> TrainedFold:
    configuration = small(normalisation="zscore_speaker", criterion="cross_entropy", labels=None, epochs=8)
    return train_fold(CORPUS, store, configuration, fold_of(CORPUS), CPU)


def decided(fold: TrainedFold, store: FeatureStore, *counts: int) -> dict[int, tuple[int, ...]]:
    training = training_normalisation(store, SPEAKERS, fold.result.configuration, fold.result.fold.training_speakers)
    return decide_with_few_recordings(fold, CORPUS, store, training, counts)


def test_all_recordings_decide_as_in_training_and_few_do_not() -> None:
    store = shifted_store()
    fold = trained(store)
    test = fold.result.test
    decisions = decided(fold, store, len(test.utterances), 100, 1, 0)
    assert decisions[len(test.utterances)] == decisions[100] == test.predicted
    assert decisions[1] != test.predicted
    assert decisions[0] != test.predicted
    assert decided(fold, store, 1, 0) == {1: decisions[1], 0: decisions[0]}


def test_one_recording_is_normalised_by_itself() -> None:
    store = shifted_store()
    fold = trained(store)
    alone = decided(fold, store, 1)[1]
    for index, utterance in enumerate(fold.result.test.utterances):
        # With another level of one utterance, its own statistics change, and nothing else does.
        position = next(p for p, u in enumerate(CORPUS.utterances) if u.id == utterance)
        frames = [store.frames(p) + 50 * (p == position) for p in range(len(SPEAKERS))]
        moved = toy_store(CORPUS, lambda p, _, frames=frames: frames[p])
        assert decided(fold, moved, 1)[1][index] == alone[index]


def test_recordings_are_chosen_by_their_content() -> None:
    digests = [f"{index:x}" * 4 for index in range(len(SPEAKERS))]
    ranked = _rank_recordings(SPEAKERS, digests)
    for index, recordings in enumerate(ranked):
        assert recordings[0] == index
        assert sorted(recordings) == [p for p, speaker in enumerate(SPEAKERS) if speaker == SPEAKERS[index]]
    assert len({tuple(recordings[1:4]) for recordings in ranked}) > len(SPEAKERS) // 2
    of_two = [p for p, speaker in enumerate(SPEAKERS) if speaker in ("f1", "m2")]
    apart = _rank_recordings([SPEAKERS[p] for p in of_two], [digests[p] for p in of_two])
    for position, recordings in zip(of_two, apart, strict=True):
        assert [of_two[p] for p in recordings] == ranked[position].tolist()


def test_one_thread_scores_and_the_others_are_given_back() -> None:
    # On a busy machine two threads that wait for each other took twenty times as long.
    store, threads, seen = shifted_store(), torch.get_num_threads(), set[int]()
    configuration = small(normalisation="zscore_training", epochs=1)
    network = SpeechEmotionNetwork(configuration, 3)
    network.register_forward_hook(lambda *_: seen.add(torch.get_num_threads()))
    training = training_normalisation(store, SPEAKERS, configuration, ("f2", "m2"))
    torch.set_num_threads(3)
    try:
        score_utterances(network, normalise(store, SPEAKERS, configuration, training, "stranger"), configuration)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert seen == {1}


def test_names_of_files_have_no_effect() -> None:
    store = shifted_store()
    fold = trained(store)
    training = training_normalisation(store, SPEAKERS, fold.result.configuration, fold.result.fold.training_speakers)
    renamed = replace(CORPUS, utterances=tuple(replace(u, id=f"x{u.id}") for u in CORPUS.utterances))
    assert decide_with_few_recordings(fold, renamed, store, training, (3,)) == decided(fold, store, 3)
