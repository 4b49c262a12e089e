"""Frames of utterances of unlike lengths as rows without padding between them, in runs that an LSTM computes at once.

A run is a span of time and the utterances that last into it, `(frame, utterance)`; the next run has
fewer of them and begins with the states of theirs. Utterances that end within a run are padded to
its end: a run more costs as much as some padding, and the cheapest division is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

RUN_FRAMES = 50
"""What a further run costs, in frames of one utterance: a constant, as those of `ser.batches.PartCost` are."""

Run = tuple[int, int]
"""Frames, utterances."""


@dataclass(frozen=True)
class RowLayout:
    """Where the rows of a padded batch lie in the runs.

    Attributes:
        runs: Frames and utterances of each run, one after the other.
        utterances: Utterance of each row, shape `(row,)`.
        sources: The row's place in the `(batch * frame, feature)` view of the padded batch, shape `(row,)`.
        places: The row of each place there, shape `(batch * frame,)`; 0 for places that no run has.
        turned: The row that takes this one's place where each utterance is read from its end, shape `(row,)`;
            padding stays where it is, so that it comes last in both directions.
    """

    runs: tuple[Run, ...]
    utterances: Tensor
    sources: Tensor
    places: Tensor
    turned: Tensor


def row_layout(lengths: Tensor, frames: int) -> RowLayout:
    """Lays out the rows of a padded batch.

    On a card all utterances make one run: a step lasts as long there with few of them as with many,
    and dividing it would wait for the lengths to be read back.

    Args:
        lengths: Valid frames of each utterance, shape `(batch,)`.
        frames: Frames of the padded batch.
    """
    device = lengths.device
    order = torch.arange(len(lengths), device=device)
    runs: tuple[Run, ...] = ((frames, len(lengths)),)
    if device.type == "cpu":
        order = lengths.argsort(descending=True, stable=True)
        runs = cheapest_runs(lengths[order].numpy())
    ends = np.cumsum([0] + [count for count, _ in runs]).tolist()
    first_rows = np.cumsum([0] + [count * rows for count, rows in runs]).tolist()
    spans = [torch.arange(begin, end, device=device) for begin, end in pairwise(ends)]
    frame = torch.cat([span.repeat_interleave(rows) for span, (_, rows) in zip(spans, runs, strict=True)])
    place = torch.cat([torch.arange(rows, device=device).repeat(count) for count, rows in runs])
    starts = torch.cat(
        [first + (span - span[0]) * rows for first, span, (_, rows) in zip(first_rows, spans, runs, strict=False)]
    )
    utterances = order[place]
    length = lengths[utterances]
    sources = utterances * frames + frame
    places = torch.zeros(len(lengths) * frames, dtype=torch.int64, device=device)
    places[sources] = torch.arange(len(sources), device=device)
    turned = starts[torch.where(frame < length, length - 1 - frame, frame)] + place
    return RowLayout(runs, utterances, sources, places, turned)


def cheapest_runs(lengths: Sequence[int] | NDArray[np.int64]) -> tuple[Run, ...]:
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
        rows = np.arange(len(ends) - 1, len(ends) - 1 - last, -1)
        candidates = costs[:last] + (ends[last] - ends[:last]) * rows + RUN_FRAMES
        begins[last] = int(candidates.argmin())
        costs[last] = candidates[begins[last]]
    runs, last = [], len(ends) - 1
    while last:
        begin = int(begins[last])
        runs.append((int(ends[last] - ends[begin]), len(ends) - 1 - begin))
        last = begin
    return tuple(runs[::-1])
