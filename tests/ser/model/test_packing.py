"""Rows with little padding: every frame has one, runs cost least, reading from the end undoes itself."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ser.model import blstm
from ser.model.blstm import RecurrentLayers
from ser.model.packing import RUN_FRAMES, RowLayout, Run, cheapest_runs, layout_of, row_layout

LENGTHS = st.lists(st.integers(1, 400), min_size=1, max_size=7)


def cost(runs: tuple[Run, ...]) -> int:
    return sum(frames * rows + RUN_FRAMES for frames, rows in runs)


def all_runs(lengths: list[int]) -> list[tuple[Run, ...]]:
    """Every way to end runs where utterances end, the last where the longest does."""
    ends = sorted(set(lengths))
    found = []
    for bits in range(2 ** (len(ends) - 1)):
        cuts = [0, *(end for number, end in enumerate(ends[:-1]) if bits >> number & 1), ends[-1]]
        found.append(tuple((end - begin, sum(each > begin for each in lengths)) for begin, end in pairwise(cuts)))
    return found


@given(lengths=LENGTHS)
@settings(deadline=None)
def test_runs_cost_least_of_all_divisions(lengths: list[int]) -> None:
    runs = cheapest_runs(sorted(lengths, reverse=True))
    assert runs in all_runs(lengths)
    assert cost(runs) == min(cost(each) for each in all_runs(lengths))


def test_a_long_utterance_goes_on_alone_and_like_ones_stay_together() -> None:
    assert cheapest_runs([2900, 60, 60, 60]) == ((60, 4), (2840, 1))
    assert cheapest_runs([93, 92, 91, 90]) == ((93, 4),)


@pytest.mark.parametrize("on_a_card", [False, True])
@given(lengths=LENGTHS, more=st.integers(0, 3))
@settings(deadline=None)
def test_every_valid_frame_has_one_row_that_knows_where_it_comes_from(
    on_a_card: bool, lengths: list[int], more: int
) -> None:
    frames = max(lengths) + more
    layout = in_one_run(torch.tensor(lengths), frames) if on_a_card else row_layout(torch.tensor(lengths), frames)
    assert sum(count * rows for count, rows in layout.runs) == len(layout.sources) == len(set(layout.sources.tolist()))
    for utterance, length in enumerate(lengths):
        own = torch.arange(length) + utterance * frames
        rows = layout.rows[own]
        assert torch.equal(layout.sources[rows], own)
        assert layout.utterances[rows].unique().tolist() == [utterance]
        assert torch.equal(layout.sources[layout.turned[rows]], own.flip(0))
    assert torch.equal(layout.turned[layout.turned], torch.arange(len(layout.turned)))


@given(lengths=LENGTHS)
@settings(deadline=None)
def test_padding_comes_last_in_both_directions(lengths: list[int]) -> None:
    frames = max(lengths)
    layout = row_layout(torch.tensor(lengths), frames)
    padding = layout.sources % frames >= torch.tensor(lengths)[layout.utterances]
    assert torch.equal(layout.turned[padding], torch.arange(len(padding))[padding])


def test_rows_of_a_run_lie_frame_by_frame_as_an_lstm_reads_them() -> None:
    layout = row_layout(torch.tensor([2, 300]), 300)
    assert layout.runs == ((2, 2), (298, 1))
    assert layout.utterances[:4].tolist() == [1, 0, 1, 0]
    assert layout.sources[:6].tolist() == [300, 0, 301, 1, 302, 303]


def in_one_run(lengths: Tensor, frames: int) -> RowLayout:
    """What a card computes."""
    return layout_of(((frames, len(lengths)),), torch.arange(len(lengths)), lengths, frames)


def test_elsewhere_than_on_a_processor_all_utterances_make_one_run() -> None:
    layout = row_layout(torch.tensor([2, 300], device="meta"), 300)
    assert layout.runs == ((300, 2),)
    assert (len(layout.sources), len(layout.rows)) == (600, 600)


def test_one_run_or_several_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    layers, frames, lengths = RecurrentLayers(6, 7, 2), torch.randn(4, 320, 6), torch.tensor([40, 300, 3, 299])
    assert len(row_layout(lengths, 320).runs) > 1
    several = layers(frames, lengths)
    monkeypatch.setattr(blstm, "row_layout", in_one_run)
    torch.testing.assert_close(layers(frames, lengths), several, atol=1e-6, rtol=0)
