"""Parts of the variance of UA: speakers, seeds, and the rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class UaVariance:
    """Standard deviations of the parts of a speaker's UA, as shares; their squares sum to its variance.

    Attributes:
        speakers: Of what a speaker gains or loses with all seeds.
        seeds: Of what a seed gains or loses with all speakers.
        residual: Of what is left: a seed's luck with single speakers, and their few utterances.
    """

    speakers: float
    seeds: float
    residual: float


def ua_variance(ua: NDArray[np.float64]) -> UaVariance | None:
    """Estimate the parts of the variance of UA by a two-way analysis of variance with random effects.

    With S speakers and R seeds, E(MS_speakers) = r^2 + R s^2 and E(MS_seeds) = r^2 + S t^2, where r, s and t are the
    deviations of residual, speakers and seeds (Searle, Casella and McCulloch, Variance Components, 1992, section
    4.3). A negative estimate of a variance is 0.

    Args:
        ua: UA of each speaker with each seed, 0..1, shape `(speaker, seed)`.

    Returns:
        The parts; None with fewer than two speakers or seeds.

    Examples:
        >>> parts = ua_variance(np.array([[0.6, 0.7], [0.8, 0.9]]))
        >>> round(parts.speakers, 3), round(parts.seeds, 3), round(parts.residual, 3)
        (0.141, 0.071, 0.0)
    """
    speakers, seeds = ua.shape
    if min(speakers, seeds) < 2:
        return None
    by_speaker, by_seed = ua.mean(axis=1, keepdims=True), ua.mean(axis=0, keepdims=True)
    rest = ua - by_speaker - by_seed + ua.mean()
    residual = float((rest**2).sum()) / ((speakers - 1) * (seeds - 1))
    speaker_part = float(by_speaker.var(ddof=1)) - residual / seeds
    seed_part = float(by_seed.var(ddof=1)) - residual / speakers
    return UaVariance(*(float(np.sqrt(max(0.0, part))) for part in (speaker_part, seed_part, residual)))
