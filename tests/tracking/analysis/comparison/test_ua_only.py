"""Where classes are too unequal for WA, tables show it grey and say why."""

import re

import pytest

from tests.support.scored_trials import World, study_table
from tracking.analysis.comparison.caveats import UA_ONLY, report_caveats
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report import summary_rows, write_report
from tracking.analysis.report.tables.comparisons import comparison_table
from tracking.analysis.report.tables.scores import attention_by_label_tables, class_tables, results_table

AIBO = World(
    speakers=8,
    per_speaker=20,
    emotions=("anger", "emphatic", "neutral", "positive", "rest"),
    sessions=False,
    corpus="fau_aibo",
    names=tuple(f"Mont_{number:02d}" for number in range(1, 9)),
)


@pytest.fixture(scope="module")
def aibo():
    return study_table(AIBO)


def muted(table):
    return {column.title for column in table.columns if column.greyed_out}


def test_only_the_columns_of_wa_are_muted_with_the_reason(aibo):
    analysis = analyse(aibo)
    (grid,) = attention_by_label_tables(analysis)
    assert muted(grid) == {"words WA", "phonemes WA"}
    assert muted(results_table(analysis)) == {"WA", "WA 95%"}
    assert muted(comparison_table(analysis)) == {"ΔWA", "p speakers WA", "z WA", "McNemar"}
    assert all(muted(table) == set() for table in class_tables(analysis).values())
    hints = [column.hint for column in results_table(analysis).columns if column.greyed_out]
    assert all(hint.endswith(UA_ONLY.text) for hint in hints)


def test_nothing_is_muted_on_another_corpus():
    analysis = analyse(study_table())
    tables = [*attention_by_label_tables(analysis), results_table(analysis), comparison_table(analysis)]
    assert [muted(table) for table in tables] == [set()] * 3
    assert UA_ONLY not in report_caveats(analysis)
    assert not any("(" in row["WA"] or UA_ONLY.title in row["note"] for row in summary_rows(analyse(study_table())))


def test_the_page_greys_wa_and_explains_it(aibo, tmp_path):
    text = write_report(analyse(aibo), tmp_path / "aibo").read_text(encoding="utf-8")
    results = text[text.index('id="results"') :]
    results = results[: results.index("</table>")]
    cells = re.findall(r'<td class="n( greyed-out)?"', results)
    rows = results.count("<tr>") - 1
    assert cells.count(" greyed-out") == 2 * rows
    assert len(cells) > 4 * rows
    assert re.search(r'<th scope="col" class="n greyed-out" title="[^"]*always saying[^"]*">WA</th>', results)
    assert f'id="about-{UA_ONLY.key}"' in text
    other = write_report(analyse(study_table()), tmp_path / "demo").read_text(encoding="utf-8")
    assert 'class="n greyed-out"' not in other


def test_the_terminals_summary_puts_wa_in_brackets(aibo):
    rows = summary_rows(analyse(aibo))
    assert all(re.fullmatch(r"\(\d+\.\d\)", row["WA"]) for row in rows)
    assert all(re.fullmatch(r"\d+\.\d ± \d+\.\d", row["UA"]) for row in rows)
    variants = [row for row in rows if row["variant"] != "logistic regression"]
    assert variants
    assert all(UA_ONLY.title in row["note"] for row in variants)
