"""Frames of utterances of unlike lengths as rows with little padding, in segments that an LSTM computes at once.

A segment is a span of time and the utterances that last into it, `(frame, utterance)`; the next segment has
fewer of them and begins with the states of theirs. Utterances that end within a segment are padded to
its end: a further segment costs as much as some padding, and the cheapest division is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SEGMENT_COST_FRAMES = 50
"""Cost of a further segment, in frames of one utterance: a constant, as in `ser.training.batching.MicroBatchCost`."""

Segment = tuple[int, int]
"""Frames, utterances."""


@dataclass(frozen=True)
class PackedLayout:
    """Positions of the rows of a padded batch in the segments.

    Attributes:
        segments: Frames and utterances of each segment, one after the other.
        utterances: Utterance of each row, shape `(row,)`.
        padded_index: Index of each row in the `(batch * frame, feature)` view of the padded batch, shape `(row,)`.
        rows: The row that each of those is, shape `(batch * frame,)`; 0 for those that no segment has.
        reversed_index: The row to read in this one's stead where each utterance is read from its end, shape `(row,)`;
            padding stays where it is, so that it comes last in both directions.
    """

    segments: tuple[Segment, ...]
    utterances: Tensor
    padded_index: Tensor
    rows: Tensor
    reversed_index: Tensor


def pack_batch(lengths: Tensor, frames: int) -> PackedLayout:
    """Lay out the rows of a padded batch.

    On a GPU all utterances make one segment: a step lasts as long there with few of them as with many,
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


def build_layout(segments: tuple[Segment, ...], order: Tensor, lengths: Tensor, frames: int) -> PackedLayout:
    """Return the layout of given segments.

    Args:
        segments: They cover every valid frame.
        order: Utterances, each segment's the first of them, shape `(batch,)`.
        lengths: Valid frames of each utterance, shape `(batch,)`.
        frames: Frames of the padded batch.
    """
    device = lengths.device
    frame, rank, first_rows = [], [], []
    begin = row = 0
    for segment_frames, segment_utterances in segments:
        span = torch.arange(segment_frames, device=device)
        frame.append((begin + span).repeat_interleave(segment_utterances))
        rank.append(torch.arange(segment_utterances, device=device).repeat(segment_frames))
        first_rows.append(row + span * segment_utterances)
        begin, row = begin + segment_frames, row + segment_frames * segment_utterances
    frames_of_rows, ranks = torch.cat(frame), torch.cat(rank)
    utterances = order[ranks]
    length = lengths[utterances]
    padded_index = utterances * frames + frames_of_rows
    rows = torch.zeros(len(lengths) * frames, dtype=torch.int64, device=device)
    rows[padded_index] = torch.arange(len(padded_index), device=device)
    from_the_end = torch.where(frames_of_rows < length, length - 1 - frames_of_rows, frames_of_rows)
    return PackedLayout(segments, utterances, padded_index, rows, torch.cat(first_rows)[from_the_end] + ranks)


def optimal_segments(lengths: Sequence[int] | NDArray[np.int64]) -> tuple[Segment, ...]:
    """Divide utterances into segments so that frames, padding included, and segments together cost least.

    Args:
        lengths: Frames of each utterance, the longest first.

    Examples:
        >>> optimal_segments([300, 100, 99])
        ((100, 3), (200, 1))
    """
    ends = np.concatenate([[0], np.asarray(lengths)[::-1]])
    costs, begins = np.zeros(len(ends)), np.zeros(len(ends), dtype=np.int64)
    for last in range(1, len(ends)):
        left = np.arange(len(ends) - 1, len(ends) - 1 - last, -1)
        candidates = costs[:last] + (ends[last] - ends[:last]) * left + SEGMENT_COST_FRAMES
        begins[last] = int(candidates.argmin())
        costs[last] = candidates[begins[last]]
    segments, last = [], len(ends) - 1
    while last:
        begin = int(begins[last])
        segments.append((int(ends[last] - ends[begin]), len(ends) - 1 - begin))
        last = begin
    return tuple(segments[::-1])
