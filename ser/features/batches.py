"""Batches of normalised, stacked log-mels, read off the map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ser.features.normalization import Affine
from ser.features.store import FeatureStore


class Features(Protocol):
    """What a fold's loop asks of features, wherever they lie."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Stacked frames of each utterance, shape `(utterance,)`."""

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Utterances side by side and their lengths; see `FeatureView.batch`. Lengths lie on the CPU."""


@dataclass(frozen=True)
class FeatureView:
    """A store as a fold sees it: normalised, with `stack` frames joined into one.

    The last group of an utterance that is not full is filled by repeating its last frame, so that
    no speech is lost and no utterance becomes empty: `frame = ceil(T / stack)`.

    Attributes:
        store: Raw log-mels.
        affine: The normalisation.
        stack: Frames joined into one, 1 or more.
    """

    store: FeatureStore
    affine: Affine
    stack: int

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Stacked frames of each utterance, shape `(utterance,)`."""
        return -(-self.store.lengths // self.stack)

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Utterances side by side, padded with zeros at the end.

        Args:
            indices: Positions of the utterances in the corpus; at least one.

        Returns:
            Features, shape `(batch, frame, mel * stack)`, float32, and the number of valid frames,
            shape `(batch,)`, int64. The older of the stacked frames comes first.
        """
        lengths = self.lengths[np.asarray(indices)]
        longest, mel = int(lengths.max()), self.store.settings.mel_bands
        features = np.zeros((len(lengths), longest * self.stack, mel), dtype=np.float32)
        for row, index in enumerate(indices):
            raw = self.store.frames(int(index))
            valid = features[row, : len(raw)]
            np.subtract(raw, self.affine.shift[index], out=valid)
            np.multiply(valid, self.affine.scale[index], out=valid)
            if self.affine.clip:
                np.clip(valid, 0.0, 1.0, out=valid)
            features[row, len(raw) : int(lengths[row]) * self.stack] = valid[-1]
        stacked = features.reshape(len(lengths), longest, self.stack * mel)
        return torch.from_numpy(stacked), torch.from_numpy(lengths)
