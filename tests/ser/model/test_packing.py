"""Rows with little padding: every frame has one, segments cost least, reading from the end undoes itself."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ser.model import blstm
from ser.model.blstm import RecurrentLayers
from ser.model.packing import SEGMENT_COST_FRAMES, PackedLayout, Segment, build_layout, optimal_segments, pack_batch

LENGTHS = st.lists(st.integers(1, 400), min_size=1, max_size=7)


def cost(segments: tuple[Segment, ...]) -> int:
    return sum(frames * rows + SEGMENT_COST_FRAMES for frames, rows in segments)


def all_divisions(lengths: list[int]) -> list[tuple[Segment, ...]]:
    """Every way to end segments where utterances end, the last where the longest does."""
    ends = sorted(set(lengths))
    found = []
    for bits in range(2 ** (len(ends) - 1)):
        cuts = [0, *(end for number, end in enumerate(ends[:-1]) if bits >> number & 1), ends[-1]]
        found.append(tuple((end - begin, sum(each > begin for each in lengths)) for begin, end in pairwise(cuts)))
    return found


@given(lengths=LENGTHS)
@settings(deadline=None)
def test_runs_cost_least_of_all_divisions(lengths: list[int]) -> None:
    segments = optimal_segments(sorted(lengths, reverse=True))
    assert segments in all_divisions(lengths)
    assert cost(segments) == min(cost(each) for each in all_divisions(lengths))


def test_a_long_utterance_goes_on_alone() -> None:
    assert optimal_segments([2900, 60, 60, 60]) == ((60, 4), (2840, 1))
    assert optimal_segments([93, 92, 91, 90]) == ((93, 4),)


@pytest.mark.parametrize("on_a_gpu", [False, True])
@given(lengths=LENGTHS, more=st.integers(0, 3))
@settings(deadline=None)
def test_every_valid_frame_has_one_row_with_its_origin(on_a_gpu: bool, lengths: list[int], more: int) -> None:
    frames = max(lengths) + more
    layout = in_one_segment(torch.tensor(lengths), frames) if on_a_gpu else pack_batch(torch.tensor(lengths), frames)
    assert (
        sum(count * rows for count, rows in layout.segments)
        == len(layout.padded_index)
        == len(set(layout.padded_index.tolist()))
    )
    for utterance, length in enumerate(lengths):
        own = torch.arange(length) + utterance * frames
        rows = layout.rows[own]
        assert torch.equal(layout.padded_index[rows], own)
        assert layout.utterances[rows].unique().tolist() == [utterance]
        assert torch.equal(layout.padded_index[layout.reversed_index[rows]], own.flip(0))
    assert torch.equal(layout.reversed_index[layout.reversed_index], torch.arange(len(layout.reversed_index)))


@given(lengths=LENGTHS)
@settings(deadline=None)
def test_padding_comes_last_in_both_directions(lengths: list[int]) -> None:
    frames = max(lengths)
    layout = pack_batch(torch.tensor(lengths), frames)
    padding = layout.padded_index % frames >= torch.tensor(lengths)[layout.utterances]
    assert torch.equal(layout.reversed_index[padding], torch.arange(len(padding))[padding])


def test_rows_of_a_segment_lie_frame_by_frame() -> None:
    layout = pack_batch(torch.tensor([2, 300]), 300)
    assert layout.segments == ((2, 2), (298, 1))
    assert layout.utterances[:4].tolist() == [1, 0, 1, 0]
    assert layout.padded_index[:6].tolist() == [300, 0, 301, 1, 302, 303]


def in_one_segment(lengths: Tensor, frames: int) -> PackedLayout:
    """What a GPU computes."""
    return build_layout(((frames, len(lengths)),), torch.arange(len(lengths)), lengths, frames)


def test_on_a_gpu_all_utterances_make_one_segment() -> None:
    layout = pack_batch(torch.tensor([2, 300], device="meta"), 300)
    assert layout.segments == ((300, 2),)
    assert (len(layout.padded_index), len(layout.rows)) == (600, 600)


def test_one_segment_or_several_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    layers, frames, lengths = RecurrentLayers(6, 7, 2), torch.randn(4, 320, 6), torch.tensor([40, 300, 3, 299])
    assert len(pack_batch(lengths, 320).segments) > 1
    several = layers(frames, lengths)
    monkeypatch.setattr(blstm, "pack_batch", in_one_segment)
    torch.testing.assert_close(layers(frames, lengths), several, atol=1e-6, rtol=0)
