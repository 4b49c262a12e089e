import pytest

from tests.support.scored_trials import World, baseline, configuration, encoder_layer, table_of, trial
from tracking.analysis.comparison.caveats import HARDLY_ACTS
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report.open_questions import open_questions
from tracking.analysis.report.tables.folds import variance_table
from tracking.analysis.report.tables.scores import attention_by_label_tables, class_tables, results_table
from tracking.analysis.report.terminal import summary_rows

WORLD = World()


def cells(table, column):
    index = [heading.title for heading in table.columns].index(column)
    return {row[0].text: row[index] for row in table.rows}


def analysis_of(seeds=(1,)):
    trials = [
        trial(WORLD, configuration(attention, seed=seed, scope=9), changed=changed)
        for seed in seeds
        for attention, changed in (("none", ()), ("component", (0.1, 0.3)), ("quantum", (0.0, 0.01)))
    ]
    return analyse(table_of(*trials, baselines=(baseline(WORLD),)))


def test_the_results_say_how_much_each_attention_does():
    table = results_table(analysis_of())
    changed = cells(table, "changed")
    assert [cell.text for cell in changed.values()] == ["–", "20.0", "0.5", "–"]
    marks = {row[0].text: {caveat.title for caveat in row[0].caveats} for row in table.rows}
    assert "this attention hardly acts" in marks["quantum · phonemes"]
    assert "this attention hardly acts" not in marks["component · scope 9 · phonemes"]


def test_a_best_variant_that_hardly_acts_is_named_as_such():
    trials = [
        trial(WORLD, configuration("none"), 0.5),
        trial(WORLD, configuration("quantum"), 0.8, changed=(0.0, 0.01)),
    ]
    analysis = analyse(table_of(*trials))
    (question,) = (question for question in open_questions(analysis) if question.caveat is HARDLY_ACTS)
    assert question.rows == ("quantum · phonemes",)
    (note,) = [row["note"] for row in summary_rows(analysis) if row["variant"] == "quantum · phonemes"]
    assert "this attention hardly acts" in note


def test_attention_by_labels_has_a_cell_for_every_variant():
    world, encoder = World(speakers=6, per_speaker=8), encoder_layer(2)
    settings = [
        configuration(attention, scope=scope, labels=labels, **changes)
        for changes in ({}, {"features": encoder}, {"learning_rate": 0.1})
        for labels in ("words", "phonemes")
        for attention, scopes in (("none", (9,)), ("local", (5, 9)))
        for scope in scopes
    ]
    # A recipe between two studies of another one: the recipe alone does not tell these apart.
    trials = [
        *(trial(world, point, recipe="quick") for point in settings),
        *(trial(world, point, recipe="paper") for point in settings if point.attention == "none"),
    ]
    analysis = analyse(table_of(*trials))
    tables = attention_by_label_tables(analysis)
    cells_with_ua = [cell for table in tables for row in table.rows for cell in row[1::2] if cell.value != ""]
    assert len(cells_with_ua) == len(analysis.variants)
    names = [row[0].text for row in tables[-1].rows]
    assert len(names) == len(set(names))
    assert {"none", "none · tiny@2", "local · selected per fold", "local · selected per fold · tiny@2"} <= set(names)


def test_classes_have_recall_precision_and_f1():
    tables = class_tables(analysis_of())
    assert list(tables) == ["recall", "precision", "f1"] == [table.name for table in tables.values()]
    recall, precision, f1 = (cells(table, "anger")["none · phonemes"].value for table in tables.values())
    assert f1 == pytest.approx(2 / (1 / recall + 1 / precision))
    assert set(cells(tables["f1"], "macro-F1")) == set(cells(tables["recall"], "anger"))


def test_the_parts_of_the_variance_need_several_seeds():
    assert variance_table(analysis_of()).rows == ()
    table = variance_table(analysis_of(seeds=(1, 2, 3)))
    assert len(table.rows) == 3
    assert {cell.text for cell in cells(table, "seeds").values()} == {"3"}
    assert all(cell.value > 0 for cell in cells(table, "residual").values())
