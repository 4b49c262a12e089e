import csv
import re

import pandas as pd
import pytest

from tracking.analysis.comparison.caveats import ONE_SEED, PARTIAL, TRANSDUCTIVE
from tracking.analysis.report.tables.rendering.export import to_latex, to_markdown, write_dataframe, write_table
from tracking.analysis.report.tables.rendering.model import Column, Table, interval_cell, number_cell, text_cell
from tracking.analysis.statistics.proportions import Interval

HOSTILE = "<script>alert('x')</script> | $x$ \\input{x} _a_ =1"
TABLE = Table(
    "scores",
    "Scores & more",
    "Percent, 95% intervals.",
    (
        Column("variant", numeric=False),
        Column("words UA", group="words"),
        Column("words 95%", interval=True, group="words"),
        Column("note", numeric=False),
    ),
    (
        (
            text_cell("none", (PARTIAL,)),
            number_cell("71.4†", 0.71428),
            interval_cell("68.0 to 74.8", Interval(0.68, 0.748)),
            text_cell("=1+1"),
        ),
        (text_cell(HOSTILE), number_cell("–", None), interval_cell("–", None), text_cell("a")),
        (text_cell("[x]"), number_cell("72.0", 0.72, bold=True), interval_cell("–", None), text_cell("b")),
    ),
)


def test_groups_span_their_columns():
    assert TABLE.groups == (("", 1), ("words", 2), ("", 1))
    assert [column.heading for column in TABLE.columns] == ["variant", "UA", "95%", "note"]


def test_csv_has_unrounded_values_both_ends_and_no_formula(tmp_path):
    write_table(TABLE, (), tmp_path)
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "variant": "none",
        "words UA": "0.71428",
        "words 95% low": "0.68",
        "words 95% high": "0.748",
        "note": "'=1+1",
    }
    assert rows[1]["words UA"] == ""
    assert {path.name for path in tmp_path.iterdir()} == {"scores.csv", "scores.tex", "scores.md"}


def test_latex_is_a_booktabs_table_with_its_caveats():
    latex = to_latex(TABLE, (TRANSDUCTIVE,))
    lines = latex.splitlines()
    assert [line for line in lines if re.match(r"\\(top|mid|bottom)rule", line)] == [
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
    ]
    assert r"\begin{tabular}{lrrl}" in lines
    assert r" & \multicolumn{2}{c}{words} &  \\" in lines
    assert r"\cmidrule(lr){2-3}" in lines
    assert r"variant & UA & 95\% & note \\" in lines
    assert r"none\textsuperscript{a} & 71.4$\dagger$ & 68.0 to 74.8 & =1+1 \\" in lines
    assert r"\caption{Scores \& more. Percent, 95\% intervals.}" in lines
    assert any(line.startswith(rf"\textsuperscript{{a}}~\emph{{{PARTIAL.title}}}: ") for line in lines)
    assert any(line.startswith(rf"\emph{{{TRANSDUCTIVE.title}}}: ") for line in lines)
    assert r"\textbf{72.0}" in latex
    assert r"\input{x}" not in latex
    # A row that begins with a bracket would be an option of the row before it.
    assert any(line.startswith("{}[x] &") for line in lines)


def test_every_row_of_latex_and_markdown_has_all_cells():
    latex = [line for line in to_latex(TABLE, ()).splitlines() if line.endswith(r"\\") and " & " in line]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in latex[1:]} == {3}
    markdown = [line for line in to_markdown(TABLE, ()).splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in markdown} == {5}
    assert len(markdown) == 2 + len(TABLE.rows)


def test_markdown_aligns_numbers_and_explains_caveats():
    markdown = to_markdown(TABLE, (ONE_SEED,))
    assert "| --- | ---: | ---: | --- |" in markdown
    assert "| none (a) | 71.4† | 68.0 to 74.8 | =1+1 |" in markdown
    assert f"- (a) *{PARTIAL.title}*: " in markdown
    assert f"- *{ONE_SEED.title}*: " in markdown
    assert "<script>" not in markdown
    assert "**72.0**" in markdown


def test_a_frame_keeps_numbers_and_writes_names_as_text(tmp_path):
    frame = pd.DataFrame({"speaker": ["=1", "a"], "ua": [0.5, -0.25], "loss": [None, 2.0], "scope": [5, None]})
    write_dataframe(frame, tmp_path / "x.csv")
    back = pd.read_csv(tmp_path / "x.csv")
    assert back["speaker"].tolist() == ["'=1", "a"]
    assert back["ua"].tolist() == [0.5, -0.25]
    assert back["loss"].isna().tolist() == [True, False]


def test_a_frame_without_rows_is_written(tmp_path):
    write_dataframe(pd.DataFrame({"speaker": [], "ua": []}), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().strip() == "speaker,ua"


@pytest.mark.parametrize("export", [to_latex, to_markdown])
def test_a_table_without_rows_is_exported(export):
    assert "variant" in export(Table("x", "X", "c", TABLE.columns, ()), ())
