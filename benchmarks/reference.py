"""Plain and correct PyTorch reference, which training is compared with.

A packed bidirectional `nn.LSTM`, windows by `unfold`, random padded batches from a `DataLoader`, and features by
librosa, file by file.

Shapes: `batch` utterances, `frame` frames, F = 2 * cells; C and U are `(batch, frame, feature)`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader

from ser.config import FoldConfiguration
from ser.feature_settings import SpectralSettings

Example = tuple[Tensor, int, int]
"""Frames `(frame, mel)`, emotion from 0, target length."""

Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Padded frames `(batch, frame, mel)`, lengths, emotions and target lengths, each `(batch,)`."""


def extract(path: Path, settings: SpectralSettings) -> NDArray[np.float32]:
    """Compute log-mels of one file with librosa, shape `(frame, mel)`."""
    # Imported here: processes whose memory and start are measured import this module, too.
    import librosa

    samples, rate_hz = librosa.load(path, sr=settings.sample_rate_hz)
    energies = librosa.feature.melspectrogram(
        y=samples,
        sr=rate_hz,
        n_fft=settings.fft_size,
        win_length=round(settings.window_s * rate_hz),
        hop_length=round(settings.frame_shift_s * rate_hz),
        n_mels=settings.mel_bands,
    )
    frames: NDArray[np.float32] = np.log(np.maximum(energies, settings.log_floor)).T.astype(np.float32)
    return frames


def collate(examples: Sequence[Example]) -> Batch:
    """Stack utterances, padded with zeros."""
    frames, emotions, counts = zip(*examples, strict=True)
    lengths = torch.tensor([len(utterance) for utterance in frames])
    return pad_sequence(list(frames), batch_first=True), lengths, torch.tensor(emotions), torch.tensor(counts)


def random_batches(examples: Sequence[Example], batch_size: int, seed: int) -> "DataLoader[Any]":
    """Draw random batches, new ones every epoch."""
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(examples, batch_size, shuffle=True, collate_fn=collate, generator=generator)  # type: ignore[arg-type]


class ReferenceNetwork(nn.Module):
    """BLSTM, attention and linear layer, trained by CTC.

    Args:
        configuration: The configuration; its criterion is `ctc`.
        emotions: Number of emotions.
    """

    def __init__(self, configuration: FoldConfiguration, emotions: int) -> None:
        super().__init__()
        self.attention, self.scope = configuration.attention, configuration.scope or 1
        self.unit_states = configuration.quantum_states == "unit"
        inputs, features = configuration.features.width * configuration.stack, 2 * configuration.cells
        self.lstm = nn.LSTM(inputs, configuration.cells, configuration.layers, batch_first=True, bidirectional=True)
        self.score: nn.Module | None = None
        if self.attention == "local":
            self.score = nn.Linear(features, 1)
        elif configuration.component_score == "dense":
            self.score = nn.Linear(features, features)
        elif configuration.component_score == "window":
            self.score = nn.Conv1d(features, features, self.scope, padding=self.scope // 2, groups=features)
        self.output = nn.Linear(features, emotions + 1)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Compute log-probabilities, shape `(batch, frame, 1 + class)`."""
        packed = pack_padded_sequence(frames, lengths, batch_first=True, enforce_sorted=False)
        C, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return functional.log_softmax(self.output(self.attend(C, lengths)), dim=-1)

    def attend(self, C: Tensor, lengths: Tensor) -> Tensor:
        """Compute U by the configured attention (paper, eq. 3-8)."""
        if self.attention == "quantum":
            return quantum(C, lengths, self.unit_states)
        if self.score is None:
            return C
        over_frames = isinstance(self.score, nn.Conv1d)
        scores = self.score(C.transpose(1, 2)).transpose(1, 2) if over_frames else self.score(C)
        return windowed(torch.tanh(scores), C, lengths, self.scope)


def windowed(scores: Tensor, C: Tensor, lengths: Tensor, scope: int) -> Tensor:
    """Average C by a softmax over each frame's window of valid frames (eq. 4-5)."""
    half = scope // 2
    valid = (torch.arange(C.shape[1]) < lengths[:, None])[:, :, None].to(C.device)
    masked = functional.pad(scores.masked_fill(~valid, -torch.inf), (0, 0, half, half), value=-torch.inf)
    # A padded frame far from speech has a window without frames, whose softmax would be no number.
    windows = masked.unfold(1, scope, 1).masked_fill(~valid[:, :, :, None], 0.0)
    return (windows.softmax(dim=-1) * functional.pad(C, (0, 0, half, half)).unfold(1, scope, 1)).sum(dim=-1)


def quantum(C: Tensor, lengths: Tensor, unit: bool) -> Tensor:
    """Weight C by its first and last valid frame (eq. 6-8), of length 1 or as they are, over a bounded denominator."""
    states = functional.normalize(C, dim=2, eps=1e-8) if unit else C
    first, last = states[:, 0], states[torch.arange(len(C)), lengths - 1]
    product = (first * last).sum(dim=1)
    least = torch.clamp(1e-3 * first.norm(dim=1) * last.norm(dim=1), min=1e-8)
    denominator = torch.where(product < 0, -1.0, 1.0) * torch.maximum(product.abs(), least)
    weak_value = (states * last[:, None]).sum(dim=2) * (states * first[:, None]).sum(dim=2) / denominator[:, None]
    return torch.tanh(weak_value)[:, :, None] * C


def mean_loss(network: ReferenceNetwork, batch: Batch) -> Tensor:
    """Average a batch's CTC losses of repeated emotions (eq. 1-2), on the network's device."""
    frames, lengths, emotions, counts = batch
    device = network.output.weight.device
    repeated = [torch.full((int(n),), int(e) + 1) for e, n in zip(emotions, counts, strict=True)]
    targets = pad_sequence(repeated, batch_first=True).to(device)
    # Packing and CTC take lengths on the CPU, on any device.
    scores = network(frames.to(device), lengths).transpose(0, 1)
    return functional.ctc_loss(scores, targets, lengths, counts, reduction="none").mean()


def train_epoch(
    network: ReferenceNetwork, examples: "DataLoader[Any]", optimizer: torch.optim.Optimizer, clip: float
) -> float:
    """Train on all examples once, and return the mean of the batches' losses."""
    network.train()
    total = 0.0
    for batch in examples:
        optimizer.zero_grad()
        loss = mean_loss(network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimizer.step()
        total += loss.item()
    return total / len(examples)
