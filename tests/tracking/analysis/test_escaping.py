import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.analysis.escaping import escape_csv, escape_latex, escape_markdown

FORMULAS = ("=1+1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "＝1+1")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_reads_a_formula_as_text(text):
    assert escape_csv(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Ses01F", "-3", "+4.5", "-0,5", "a=b", "", "–", "−0.4"])
def test_ordinary_names_and_numbers_are_unchanged(text):
    assert escape_csv(text) == text


@given(st.text())
def test_no_cell_begins_like_a_formula_and_nothing_is_lost(text):
    written = escape_csv(text)
    assert written.removeprefix("'") == text or written == text
    if written == text and written[:1] in ("=", "+", "-", "@"):
        float(text.replace(",", "."))


LATEX = [
    (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
    ("50% & $x_1^2$ #~", r"50\% \& \$x\_1\textasciicircum{}2\$ \#\textasciitilde{}"),
    ("a\n\n\\par", r"a \textbackslash{}par"),
    ("−0.4 ± 1.2", r"$-$0.4 $\pm$ 1.2"),
]


@pytest.mark.parametrize(("text", "expected"), LATEX)
def test_latex_prints_commands_instead_of_obeying_them(text, expected):
    assert escape_latex(text) == expected


@given(st.text(alphabet="\\{}$&%#_^~ab\n"))
def test_every_special_character_of_latex_is_escaped(text):
    bare = escape_latex(text)
    for command in (r"\textbackslash{}", r"\textasciitilde{}", r"\textasciicircum{}"):
        bare = bare.replace(command, "")
    for character in "{}$&%#_":
        bare = bare.replace(f"\\{character}", "")
    assert set(bare) <= set("ab ")


MARKDOWN = [
    ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
    ("[x](javascript:1)", r"\[x\](javascript:1)"),
    ("a|b", r"a\|b"),
    ("`rm`", r"\`rm\`"),
    ("**a** __b__ $c$ ~~d~~", r"\*\*a\*\* \_\_b\_\_ \$c\$ \~\~d\~\~"),
    ("a\n# b", "a # b"),
    ("http://evil.example", r"http:\/\/evil.example".replace(r"/\/", "//")),
    ("phonemes_x2", r"phonemes\_x2"),
]


@pytest.mark.parametrize(("text", "expected"), MARKDOWN)
def test_markdown_shows_markup_instead_of_obeying_it(text, expected):
    assert escape_markdown(text) == expected


@given(st.text())
def test_a_markdown_cell_stays_one_cell(text):
    shown = escape_markdown(text)
    assert "\n" not in shown
    assert "<" not in shown
    assert shown.replace("\\\\", "").count("|") == shown.replace("\\\\", "").count("\\|")


@given(st.lists(st.text(), min_size=1))
def test_csv_text_survives_a_writer_and_a_reader(names):
    file = io.StringIO(newline="")
    csv.writer(file).writerow([escape_csv(name) for name in names])
    file.seek(0)
    (row,) = csv.reader(file)
    assert row == [escape_csv(name) for name in names]
