"""Batches of normalised, stacked frames, read from the memory-mapped store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ser.devices import to_device
from ser.features.normalization import AffineNormalization
from ser.features.store import FrameSource


class FeatureSource(Protocol):
    """Features as a fold's loop reads them, wherever they lie."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Stacked frames of each utterance, shape `(utterance,)`."""

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Utterances side by side and their lengths; see `MappedFeatures.batch`. Lengths lie on the CPU."""


@dataclass(frozen=True)
class MappedFeatures:
    """Store as a fold sees it: normalised, with `stack` frames joined into one.

    The last group of an utterance that is not full is filled by repeating its last frame, so that
    no speech is lost and no utterance becomes empty: `frame = ceil(T / stack)`.

    Attributes:
        store: Raw frames.
        affine: The normalisation.
        stack: Frames joined into one, 1 or more.
    """

    store: FrameSource
    affine: AffineNormalization
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
            Features, shape `(batch, frame, width * stack)`, float32, and the number of valid frames,
            shape `(batch,)`, int64. The older of the stacked frames comes first.
        """
        lengths = self.lengths[np.asarray(indices)]
        longest, width = int(lengths.max()), self.store.width
        features = np.zeros((len(lengths), longest * self.stack, width), dtype=np.float32)
        for row, index in enumerate(indices):
            raw = self.store.frames(int(index))
            valid = features[row, : len(raw)]
            np.subtract(raw, self.affine.shift[index], out=valid)
            np.multiply(valid, self.affine.scale[index], out=valid)
            if self.affine.clip:
                np.clip(valid, 0.0, 1.0, out=valid)
            features[row, len(raw) : int(lengths[row]) * self.stack] = valid[-1]
        stacked = features.reshape(len(lengths), longest, self.stack * width)
        return torch.from_numpy(stacked), torch.from_numpy(lengths)


class DeviceFeatures:
    """View whose features were copied to a device once: a batch sends two numbers per utterance there.

    For GPUs only. On a CPU the mapped store is read, so that a worker's memory does not grow
    with the corpus; on a GPU a corpus of N frames takes N * width * 4 bytes, 200 MB for IEMOCAP's.
    """

    def __init__(self, view: MappedFeatures, device: torch.device) -> None:
        self._device = device
        self._lengths = view.lengths
        self._starts = np.concatenate([[0], np.cumsum(self._lengths)]).astype(np.int64)
        features = view.store.width * view.stack
        # The last row is the padding.
        self._rows = torch.zeros(int(self._starts[-1]) + 1, features, device=device)
        for index, (start, length) in enumerate(zip(self._starts[:-1], self._lengths, strict=True)):
            self._rows[start : start + length].copy_(view.batch([index])[0][0])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Stacked frames of each utterance, shape `(utterance,)`."""
        return self._lengths

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Utterances side by side, padded with zeros at the end.

        Args:
            indices: Positions of the utterances in the corpus; at least one.

        Returns:
            Features on the device, shape `(batch, frame, width * stack)`, float32, and the number of
            valid frames on the CPU, shape `(batch,)`, int64; the values of `MappedFeatures.batch`.
        """
        chosen = np.asarray(indices)
        lengths = self._lengths[chosen]
        bounds = torch.from_numpy(np.stack([self._starts[chosen], self._starts[chosen] + lengths]))
        starts, ends = to_device(bounds, self._device)[:, :, None]
        position = starts + torch.arange(int(lengths.max()), device=self._device)
        rows = torch.where(position < ends, position, len(self._rows) - 1)
        return self._rows[rows], torch.from_numpy(lengths)
