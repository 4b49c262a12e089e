from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.scored_trials import World, configuration, encoder_layer, table_of, trial
from tracking.analysis.comparison.overview import Analysis, analyse
from tracking.analysis.comparison.published import published_scores
from tracking.analysis.report import write_report, writer
from tracking.analysis.report.tables.published import paper_comparison
from tracking.analysis.variants.predictions import PooledPredictions

CLASSES = ("neutral", "happiness", "sadness", "anger")
AIBO = ("anger", "emphatic", "neutral", "positive", "rest")


def analysis_of(corpus: str, utterances: int, emotions: tuple[str, ...] = CLASSES, **changes: Any) -> Analysis:
    """Variants on ten speakers, without changes the paper's; test utterances are repeated up to their number."""
    world = World(corpus=corpus, emotions=emotions, per_speaker=10, synthetic=False)
    trials = [
        trial(world, configuration(attention, scope=scope, labels=labels, **changes), recipe="paper")
        for attention, scopes in (("none", (9,)), ("component", (5, 9)), ("quantum", (9,)))
        for labels in ("words", "phonemes")
        for scope in scopes
    ]
    analysis = analyse(table_of(*trials))
    scored = tuple(
        replace(variant, predictions=of_size(variant.predictions, utterances)) for variant in analysis.variants
    )
    return replace(analysis, variants=scored)


def of_size(evidence: PooledPredictions, size: int) -> PooledPredictions:
    indices = np.arange(size) % len(evidence.utterances)
    return replace(
        evidence,
        utterances=tuple(f"{index:05d}" for index in range(size)),
        folds=evidence.folds[indices],
        speakers=tuple(evidence.speakers[index] for index in indices),
        sessions=tuple(evidence.sessions[index] for index in indices),
        actual=evidence.actual[indices],
        predicted=evidence.predicted[:, indices],
    )


@pytest.mark.parametrize(("corpus", "n", "emotions"), [("iemocap", 2943, CLASSES), ("fau_aibo", 8257, AIBO)])
def test_paper_scores_are_shown_with_differences(corpus: str, n: int, emotions: tuple[str, ...]) -> None:
    analysis = analysis_of(corpus, n, emotions)
    table = paper_comparison(analysis).table
    assert table is not None
    titles = [column.title for column in table.columns]
    rows = {row[0].text: dict(zip(titles, row, strict=True)) for row in table.rows}
    name = {"iemocap": "IEMOCAP", "fau_aibo": "FAU-Aibo"}[corpus]
    for row in published_scores().scores:
        shown = rows[f"{row['attention']} · {row['labels']}"]
        assert shown["paper UA"].text == f"{row[f'{name} UA']}"
    assert len(rows) == 6
    component = rows["component · phonemes"]
    (ours,) = (one for one in analysis.variants if one.label == "component · selected per fold · phonemes")
    assert component["here variant"].text == ours.label
    assert component["here UA"].value == ours.scores.ua.mean
    gap = ours.scores.ua.mean - float(published_scores().percent("component", "phonemes", f"{name} UA")) / 100
    assert component["difference UA"].value == pytest.approx(gap)
    assert rows["local · phonemes"]["here UA"].text == "–"
    assert rows["none · phonemes_x2"]["here variant"].text == "–"
    assert ("paper WA" in titles) == (corpus == "iemocap")


@pytest.mark.parametrize(
    ("corpus", "utterances", "emotions"),
    [("iemocap", 2700, CLASSES), ("iemocap", 2943, ("neutral", "happiness", "sadness", "frustration"))],
)
def test_other_utterances_or_classes_are_not_compared(corpus: str, utterances: int, emotions: tuple[str, ...]) -> None:
    comparison = paper_comparison(analysis_of(corpus, utterances, emotions))
    assert comparison.table is None
    assert "2,943 utterances of neutral" in comparison.note
    assert f"here {utterances:,} of {emotions[0]}" in comparison.note


@pytest.mark.parametrize("changes", [{"criterion": "joint"}, {"features": encoder_layer(2)}])
def test_models_that_the_paper_has_not_are_not_beside_it(changes: dict[str, Any]) -> None:
    table = paper_comparison(analysis_of("iemocap", 2943, **changes)).table
    assert table is not None
    variants = [column.title for column in table.columns].index("here variant")
    assert {row[variants].text for row in table.rows} == {"–"}


def test_a_few_unreadable_files_do_not_hide_the_paper() -> None:
    assert paper_comparison(analysis_of("iemocap", 2940)).table is not None


def test_another_corpus_has_neither_table_nor_note(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Repeated utterances have no confidences of their own.
    monkeypatch.setattr(writer, "hardest_decisions", lambda analysis: ())
    monkeypatch.setattr(writer, "calibrations", lambda analysis: {})
    analysis = analysis_of("emodb", 2943)
    assert paper_comparison(analysis) == paper_comparison(analyse(table_of()))
    text = write_report(analysis, tmp_path_factory.mktemp("emodb")).read_text(encoding="utf-8")
    assert "Beside the paper" not in text
    with_paper = write_report(analysis_of("iemocap", 2943), tmp_path_factory.mktemp("iemocap"))
    assert 'id="beside_the_paper"' in with_paper.read_text(encoding="utf-8")
    assert (with_paper.parent / "tables" / "beside_the_paper.tex").is_file()
