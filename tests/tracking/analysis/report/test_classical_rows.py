"""Classical baselines are rows of every table of scores, of the figures, and of the CSV files."""

import pytest

from tests.support.scored_trials import World, baseline, configuration, study_table, table_of, trial
from tracking.analysis.comparison.overview import Analysis, analyse
from tracking.analysis.comparison.request import ComparisonRequest
from tracking.analysis.figures.data import speaker_rows
from tracking.analysis.report.tables.comparisons import comparison_table
from tracking.analysis.report.tables.folds import fold_tables
from tracking.analysis.report.tables.scores import attention_by_label_tables, class_tables, results_table
from tracking.analysis.report.terminal import summary_rows
from tracking.analysis.report.tidy_csv import tidy_tables

REGRESSION = "logistic regression"


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return analyse(study_table())


def test_a_baseline_is_a_row_of_each_table_of_scores(analysis: Analysis) -> None:
    tables = [results_table(analysis), *fold_tables(analysis), *class_tables(analysis).values()]
    assert [table.rows[-1][0].text for table in tables] == [REGRESSION] * 6
    ua = next(row for row in analysis.classifiers if row.classical).scores.ua.mean
    assert tables[0].rows[-1][1].value == ua
    assert len(tables[1].rows[-1]) == 11
    assert "missing" not in {cell.text for cell in tables[1].rows[-1]}


def test_the_table_by_labels_says_where_baselines_stand(analysis: Analysis) -> None:
    without = analyse(table_of(trial(World(), configuration())))
    captions = [attention_by_label_tables(shown)[0].caption for shown in (analysis, without)]
    assert ["Classical baselines" in caption for caption in captions] == [True, False]


def test_a_baseline_is_a_row_of_the_csv_files(analysis: Analysis) -> None:
    tables = tidy_tables(analysis)
    rows = {name: frame[frame["variant"] == REGRESSION] for name, frame in tables.items()}
    assert {name: len(frame) for name, frame in rows.items()} == {
        "variants": 1,
        "folds": 10,
        "speakers": 10,
        "confusions": 16,
        "curves": 0,
        "tests_classical": 0,
    }
    tests = tables["tests_classical"]
    assert list(tests["variant"]) == [variant.label for variant in analysis.complete]
    assert list(tests["p_speakers"]) == [made.ua_speakers.p for made in analysis.classical_comparisons]
    assert set(tests["baseline"]) == {REGRESSION}
    assert rows["variants"].iloc[0]["kind"] == "classical baseline"
    assert rows["variants"].iloc[0]["ua"] == analysis.baselines[0].scores.ua.mean
    assert rows["folds"]["ua"].mean() == pytest.approx(analysis.baselines[0].scores.ua_folds.mean)


def test_validation_scores_of_a_baseline_are_given_where_it_has_them() -> None:
    world = World()
    plain = baseline(world)
    chosen = plain.model_copy(update={"validations": plain.tests[1:] + plain.tests[:1]})
    settings = trial(world, configuration())
    for result, expected in ((plain, None), (chosen, analyse(table_of(settings, baselines=(plain,))).baselines[0])):
        (row,) = analyse(table_of(settings, baselines=(result,))).baselines
        assert row.validation_ua == (None if expected is None else pytest.approx(expected.scores.ua_folds.mean))


def test_a_requested_comparison_fills_the_row_of_a_baseline() -> None:
    analysis = analyse(study_table(), ComparisonRequest("none · words"))
    (cells,) = (row for row in summary_rows(analysis) if row["variant"] == REGRESSION)
    difference = analysis.comparison_of(REGRESSION)
    assert difference is not None
    assert cells["Δ base"] == f"{100 * difference.ua_speakers.difference:+.1f}".replace("-", "−")
    assert comparison_table(analysis).rows[-1][0].text == REGRESSION
    assert results_table(analysis).rows[-1][6].value == difference.ua_speakers.difference


def test_speakers_of_a_baseline_are_points_of_the_figure(analysis: Analysis) -> None:
    row = speaker_rows(analysis.classifiers)[-1]
    assert (row.label, len(row.ua.values)) == (REGRESSION, 10)


def test_chance_is_the_share_of_one_class(analysis: Analysis) -> None:
    assert analysis.chance == 1 / 4
    assert analyse(table_of()).chance is None
