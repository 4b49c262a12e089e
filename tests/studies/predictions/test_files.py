"""Predictions are read by the programs whose formats they are in."""

import io
from pathlib import Path

import pandas as pd
import pytest

from studies.predictions.rows import PredictionRow
from studies.predictions.text_formats import write_audformat, write_csv
from studies.predictions.textgrid import text_grid

EMOTIONS = ("anger", "joy")
QUOTED = 'joy "of\nlife"'


def row(emotion: str, start_s: float | None = None, end_s: float | None = None) -> PredictionRow:
    return PredictionRow("=a, b.wav", emotion, {"anger": 0.25, "joy": 0.75, emotion: 0.75}, start_s, end_s)


def test_segments_are_a_segmented_index_of_audformat(tmp_path: Path) -> None:
    audformat = pytest.importorskip("audformat")
    with (tmp_path / "a.csv").open("w") as file:
        write_audformat(EMOTIONS, [row("joy", 0.5, 1.25), row("joy", 90_061.5, 90_062)], True, file)
    table = audformat.utils.read_csv(tmp_path / "a.csv")
    assert audformat.index_type(table.index) == "segmented"
    assert table.index.get_level_values("start").tolist() == [pd.Timedelta(0.5, "s"), pd.Timedelta(90_061.5, "s")]
    assert table.index.get_level_values("end").tolist() == [pd.Timedelta(1.25, "s"), pd.Timedelta(90_062, "s")]
    assert table.index.get_level_values("file").tolist() == ["=a, b.wav"] * 2
    assert table["joy"].tolist() == [0.75, 0.75]


def test_recordings_are_a_filewise_index_of_audformat(tmp_path: Path) -> None:
    audformat = pytest.importorskip("audformat")
    with (tmp_path / "a.csv").open("w") as file:
        write_audformat(EMOTIONS, [row("joy")], False, file)
    table = audformat.utils.read_csv(tmp_path / "a.csv")
    assert audformat.index_type(table.index) == "filewise"
    assert table["emotion"].tolist() == ["joy"]


def test_csv_has_times_of_segments_and_no_formulas() -> None:
    output = io.StringIO()
    write_csv(EMOTIONS, [row("joy", 0.5, 1.25)], True, output)
    assert output.getvalue() == (
        'file,start_s,end_s,emotion,anger,joy,entropy\n"\'=a, b.wav",0.500,1.250,joy,0.250000,0.750000,0.8113\n'
    )


def test_praat_reads_a_text_grid(tmp_path: Path) -> None:
    parselmouth = pytest.importorskip("parselmouth")
    rows = [row("joy", 0.5, 1.25), row("anger", 1.25, 2), row(QUOTED, 3, 4.2)]
    (tmp_path / "a.TextGrid").write_text(text_grid(rows, 4.2), encoding="utf-8")
    grid = parselmouth.read(str(tmp_path / "a.TextGrid"))
    call = parselmouth.praat.call
    assert isinstance(grid, parselmouth.TextGrid)
    assert (call(grid, "Get number of tiers"), call(grid, "Get tier name", 1)) == (2, "emotion")
    intervals = [
        (call(grid, "Get start time of interval", 1, number), call(grid, "Get label of interval", 1, number))
        for number in range(1, 1 + call(grid, "Get number of intervals", 1))
    ]
    assert intervals == [(0, ""), (0.5, "joy"), (1.25, "anger"), (2, ""), (3, 'joy "of life"')]
    assert call(grid, "Get label of interval", 2, 2) == "0.75"


@pytest.mark.parametrize("rows", [[], [row("joy")]])
def test_text_grid_of_whole_recordings_has_one_interval(tmp_path: Path, rows: list[PredictionRow]) -> None:
    parselmouth = pytest.importorskip("parselmouth")
    (tmp_path / "a.TextGrid").write_text(text_grid(rows, 2.5), encoding="utf-8")
    grid = parselmouth.read(str(tmp_path / "a.TextGrid"))
    assert parselmouth.praat.call(grid, "Get number of intervals", 1) == 1
    assert parselmouth.praat.call(grid, "Get label of interval", 1, 1) == "".join(entry.emotion for entry in rows)
    assert parselmouth.praat.call(grid, "Get end time") == 2.5
