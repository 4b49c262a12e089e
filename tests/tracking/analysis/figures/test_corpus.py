from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.image import imread

from ser.errors import CorpusError
from tests.support.toy_corpus import make_corpus
from tracking.analysis.corpus_summary import CorpusSummary, summarise
from tracking.analysis.figures.corpus import corpus_figure, figure_title, save_corpus_figure

HOSTILE = '<script> & "$\\frac{'


@pytest.fixture
def summary() -> CorpusSummary:
    """Three angry utterances of 1, 2 and 4 s, a sad one of 8 s, and a class that nobody shows."""
    corpus = make_corpus(("f1", "m1"), each=1)
    first, second, third, fourth = corpus.utterances
    utterances = (first, replace(second, emotion="anger"), third, fourth)
    return summarise(
        replace(corpus, emotions=("anger", HOSTILE, "sadness"), utterances=utterances, durations_s=(1, 2, 4, 8))
    )


def test_bars_and_boxes_are_those_of_the_summary(summary: CorpusSummary) -> None:
    balance, durations = corpus_figure(summary).axes
    assert [bar.get_width() for bar in balance.patches] == [3, 0, 1]
    assert [text.get_text() for text in balance.texts] == ["3 (75%)", "0 (0%)", "1 (25%)"]
    extents = [box.get_path().get_extents() for box in durations.patches]
    # The quartiles of 1, 2 and 4 are 1.5 and 3; anger stands in row 0, sadness in row 2.
    assert [(extent.x0, extent.x1) for extent in extents] == [(1.5, 3), (8, 8)]
    assert [(extent.y0 + extent.y1) / 2 for extent in extents] == [0, 2]


def test_axes_name_units_and_the_title_names_the_corpus(summary: CorpusSummary) -> None:
    balance, durations = corpus_figure(summary).axes
    assert balance.get_xlabel() == "utterances (share of all)"
    assert durations.get_xlabel().startswith("duration, seconds")
    assert figure_title(summary) == "made-up: 4 utterances of 2 speakers, 0.2 minutes"
    longer = replace(summary, corpus=replace(summary.corpus, durations_s=(3600, 1800, 1, 2)))
    assert figure_title(longer).endswith(", 1.5 hours")
    made = replace(summary, corpus=replace(summary.corpus, synthetic=True))
    assert figure_title(made).startswith("made-up (synthetic speech): ")


def test_a_figure_is_saved_in_the_format_of_its_suffix(summary: CorpusSummary, tmp_path: Path) -> None:
    save_corpus_figure(summary, tmp_path / "classes.png")
    assert imread(tmp_path / "classes.png").std() > 0
    save_corpus_figure(summary, tmp_path / "classes.svg")
    first = (tmp_path / "classes.svg").read_bytes()
    texts = [element.text for element in ElementTree.fromstring(first).iter("{http://www.w3.org/2000/svg}text")]
    assert HOSTILE in texts
    assert figure_title(summary) in texts
    save_corpus_figure(summary, tmp_path / "classes.svg")
    assert (tmp_path / "classes.svg").read_bytes() == first
    assert {path.name for path in tmp_path.iterdir()} == {"classes.png", "classes.svg"}


def test_an_unwritable_file_is_named(summary: CorpusSummary, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="the figure cannot be written"):
        save_corpus_figure(summary, tmp_path / "nowhere" / "classes.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(CorpusError, match="the figure cannot be written"):
        save_corpus_figure(summary, tmp_path / "folder.png")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]
