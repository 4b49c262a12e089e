"""Frames of utterances of unlike lengths as rows with little padding, in runs that an LSTM computes at once.

A run is a span of time and the utterances that last into it, `(frame, utterance)`; the next run has
fewer of them and begins with the states of theirs. Utterances that end within a run are padded to
its end: a run more costs as much as some padding, and the cheapest division is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

RUN_FRAMES = 50
"""What a further run costs, in frames of one utterance: a constant, as `ser.training.batching.PartCost`'s are."""

Segment = tuple[int, int]
"""Frames, utterances."""


@dataclass(frozen=True)
class PackedLayout:
    """Where the rows of a padded batch lie in the runs.

    Attributes:
        runs: Frames and utterances of each run, one after the other.
        utterances: Utterance of each row, shape `(row,)`.
        sources: The row in the `(batch * frame, feature)` view of the padded batch that each row is, shape `(row,)`.
        rows: The row that each of those is, shape `(batch * frame,)`; 0 for those that no run has.
        turned: The row that takes this one's place where each utterance is read from its end, shape `(row,)`;
            padding stays where it is, so that it comes last in both directions.
    """

    runs: tuple[Segment, ...]
    utterances: Tensor
    padded_index: Tensor
    rows: Tensor
    reversed_index: Tensor


def pack_batch(lengths: Tensor, frames: int) -> PackedLayout:
    """Lays out the rows of a padded batch.

    On a card all utterances make one run: a step lasts as long there with few of them as with many,
    and dividing it would wait for the lengths to be read back.

    Args:
        lengths: Valid frames of each utterance, shape `(batch,)`.
        frames: Frames of the padded batch.
    """
    if lengths.device.type == "cpu":
        order = lengths.argsort(descending=True, stable=True)
        return build_layout(optimal_segments(lengths[order].numpy()), order, lengths, frames)
    order = torch.arange(len(lengths), device=lengths.device)
    return build_layout(((frames, len(lengths)),), order, lengths, frames)


def build_layout(runs: tuple[Segment, ...], order: Tensor, lengths: Tensor, frames: int) -> PackedLayout:
    """The layout of given runs.

    Args:
        runs: They cover every valid frame.
        order: Utterances, each run's the first of them, shape `(batch,)`.
        lengths: Valid frames of each utterance, shape `(batch,)`.
        frames: Frames of the padded batch.
    """
    device = lengths.device
    frame, rank, first_rows = [], [], []
    begin = row = 0
    for run_frames, run_utterances in runs:
        span = torch.arange(run_frames, device=device)
        frame.append((begin + span).repeat_interleave(run_utterances))
        rank.append(torch.arange(run_utterances, device=device).repeat(run_frames))
        first_rows.append(row + span * run_utterances)
        begin, row = begin + run_frames, row + run_frames * run_utterances
    frames_of_rows, ranks = torch.cat(frame), torch.cat(rank)
    utterances = order[ranks]
    length = lengths[utterances]
    sources = utterances * frames + frames_of_rows
    rows = torch.zeros(len(lengths) * frames, dtype=torch.int64, device=device)
    rows[sources] = torch.arange(len(sources), device=device)
    from_the_end = torch.where(frames_of_rows < length, length - 1 - frames_of_rows, frames_of_rows)
    return PackedLayout(runs, utterances, sources, rows, torch.cat(first_rows)[from_the_end] + ranks)


def optimal_segments(lengths: Sequence[int] | NDArray[np.int64]) -> tuple[Segment, ...]:
    """Divides utterances into runs so that frames, padding included, and runs together cost least.

    Args:
        lengths: Frames of each utterance, the longest first.

    Examples:
        >>> cheapest_runs([300, 100, 99])
        ((100, 3), (200, 1))
    """
    ends = np.concatenate([[0], np.asarray(lengths)[::-1]])
    costs, begins = np.zeros(len(ends)), np.zeros(len(ends), dtype=np.int64)
    for last in range(1, len(ends)):
        left = np.arange(len(ends) - 1, len(ends) - 1 - last, -1)
        candidates = costs[:last] + (ends[last] - ends[:last]) * left + RUN_FRAMES
        begins[last] = int(candidates.argmin())
        costs[last] = candidates[begins[last]]
    runs, last = [], len(ends) - 1
    while last:
        begin = int(begins[last])
        runs.append((int(ends[last] - ends[begin]), len(ends) - 1 - begin))
        last = begin
    return tuple(runs[::-1])
