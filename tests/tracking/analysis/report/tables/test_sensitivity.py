import re

import pytest

from tests.support.scored_trials import World, study_table
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report.tables import sensitivity
from tracking.analysis.report.tables.comparisons import comparison_table


def rows(table):
    return [dict(zip([column.title for column in table.columns], row, strict=True)) for row in table.rows]


def test_every_comparison_has_effect_sizes_and_power():
    overview = analyse(study_table())
    shown = rows(sensitivity.sensitivity_table(overview))
    assert [row["variant"].value for row in shown] == [one.variant for one in overview.comparisons.comparisons]
    for row, made in zip(shown, overview.comparisons.comparisons, strict=True):
        assert row["g"].value == made.effects.hedges_g
        assert row["shown alone"].value == made.power.minimum_difference()
        if made.joint is None:
            assert row["shown first"].text == "–"
        else:
            assert row["shown first"].value > row["shown alone"].value
        assert row["speakers for 1"].value > row["speakers for 5"].value >= 6
        assert row["gain"].text == f"{made.effects.improved_speakers} of 10"
    assert "± seeds" not in shown[0]


def test_too_few_speakers_can_show_nothing():
    shown = rows(sensitivity.sensitivity_table(analyse(study_table(World(speakers=4)))))
    assert {row["shown alone"].text for row in shown} == {"nothing"}
    # With six speakers, and p down to 1/64 in a family of any size, the first can be shown.
    shown = rows(sensitivity.sensitivity_table(analyse(study_table(World(speakers=6)))))
    assert all(row["shown alone"].value > 0 for row in shown)
    firsts = [row["shown first"] for row in shown if row["shown first"].text != "–"]
    assert len(firsts) == 6
    assert all(cell.value > 0 for cell in firsts)


def test_every_test_is_named_with_its_assumption():
    notes = rows(sensitivity.notes_on_tests_table())
    assert all(cell.text for row in sensitivity.notes_on_tests_table().rows for cell in row)
    assumptions = {column: note["what must hold"].text for note in notes for column in note["columns"].text.split(", ")}
    table = comparison_table(analyse(study_table()))
    tests = [column for column in table.columns if re.match("p |z |McNemar", column.title)]
    assert {column.title for column in tests} == set(assumptions)
    for column in tests:
        assert column.hint.endswith(f"; assumes: {assumptions[column.title]}")


@pytest.mark.parametrize(
    "table",
    [sensitivity.sensitivity_table(analyse(study_table())), sensitivity.notes_on_tests_table()],
    ids=lambda table: table.name,
)
def test_column_titles_are_unique(table):
    titles = [column.title for column in table.columns]
    assert len(set(titles)) == len(titles)
