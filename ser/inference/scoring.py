"""Scores of utterances by one trained network."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from ser.config import FoldConfiguration, Normalisation
from ser.features.batches import MappedFeatures
from ser.features.normalization import AffineNormalization, fit_normalization
from ser.features.store import FrameSource
from ser.inference.description import Situation
from ser.model.decoding import decode
from ser.model.network import SpeechEmotionNetwork
from ser.training.batching import CPU_COST, micro_batches
from ser.training.precision import cpu_runs_bf16


@torch.no_grad()
def score_utterances(
    network: SpeechEmotionNetwork, features: MappedFeatures, configuration: FoldConfiguration
) -> NDArray[np.float32]:
    """Score utterances as the training scores its test speakers: by one thread.

    A network that was trained in tf32 computes in float32, whose numbers it has: only GPUs round its factors. So does
    one that was trained in bf16, on processors that do not compute in it; it may decide single utterances otherwise.

    Args:
        network: The network.
        features: Normalised features.
        configuration: The network's configuration; the decision `likelihood` is not possible, since it needs the
            number of labels of an utterance.

    Returns:
        Scores of the emotions, rows sum to 1, shape `(utterance, class)`.
    """
    network.eval()
    network.bf16 = network.bf16 and cpu_runs_bf16()
    scores = np.empty((len(features.lengths), network.output.out_features - network.sequence), dtype=np.float32)
    with _one_thread():
        for group in micro_batches(features.lengths, CPU_COST):
            frames, lengths = features.batch(group)
            log_probabilities = network(frames, lengths)
            decoded = decode(log_probabilities, lengths, torch.ones_like(lengths), configuration.decision)
            scores[group] = decoded.scores.numpy()
    return scores


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute by one thread: several wait for each other at every frame, for ages on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def normalise(
    frames: FrameSource,
    speakers: list[str],
    configuration: FoldConfiguration,
    training: AffineNormalization,
    situation: Situation,
) -> MappedFeatures:
    """Normalise utterances by what is known of their speakers.

    Args:
        frames: Raw frames.
        speakers: Speaker of each utterance, or any text that differs where speakers do.
        configuration: The network's configuration.
        training: Normalisation by the network's training speakers, one row.
        situation: With `zscore_speaker`, whose statistics are taken: those of all frames of the speaker, of the
            utterance alone, or of the training speakers. Without effect on other normalisations.
    """
    normalisation = configuration.normalisation
    if normalisation == "zscore_speaker" and situation != "stranger":
        groups = speakers if situation == "speaker" else [str(index) for index in range(len(speakers))]
        affine = fit_normalization(frames, groups, "zscore_speaker", ())
    elif normalisation == "minmax_utterance":
        affine = fit_normalization(frames, speakers, "minmax_utterance", ())
    else:
        shape = (len(frames.lengths), frames.width)
        affine = AffineNormalization(
            np.broadcast_to(training.shift, shape), np.broadcast_to(training.scale, shape), training.clip
        )
    return MappedFeatures(frames, affine, configuration.stack)


def training_normalisation(
    frames: FrameSource, speakers: list[str], configuration: FoldConfiguration, training_speakers: tuple[str, ...]
) -> AffineNormalization:
    """Fit the normalisation that a network uses for strangers: one row, by the statistics of its training speakers."""
    name: Normalisation = "zscore_training"
    if configuration.normalisation == "minmax_training":
        name = "minmax_training"
    fitted = fit_normalization(frames, speakers, name, training_speakers)
    return AffineNormalization(fitted.shift[:1].copy(), fitted.scale[:1].copy(), fitted.clip)
