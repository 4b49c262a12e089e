import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.analysis.escaping import escape_csv, escape_latex, escape_markdown

FORMULAS = ("=1+1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "＝1+1")


@pytest.mark.parametrize("words", FORMULAS)
def test_a_spreadsheet_reads_a_formula_in_a_name_as_text(words):
    assert escape_csv(words) == f"'{words}"


@pytest.mark.parametrize("words", ["Ses01F", "-3", "+4.5", "-0,5", "a=b", "", "–", "−0.4"])
def test_ordinary_names_and_numbers_stay_as_they_are(words):
    assert escape_csv(words) == words


@given(st.text())
def test_no_cell_begins_like_a_formula_and_nothing_is_lost(words):
    written = escape_csv(words)
    assert written.removeprefix("'") == words or written == words
    if written == words and written[:1] in ("=", "+", "-", "@"):
        float(words.replace(",", "."))


LATEX = [
    (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
    ("50% & $x_1^2$ #~", r"50\% \& \$x\_1\textasciicircum{}2\$ \#\textasciitilde{}"),
    ("a\n\n\\par", r"a \textbackslash{}par"),
    ("−0.4 ± 1.2", r"$-$0.4 $\pm$ 1.2"),
]


@pytest.mark.parametrize(("words", "expected"), LATEX)
def test_latex_prints_commands_instead_of_obeying_them(words, expected):
    assert escape_latex(words) == expected


@given(st.text(alphabet="\\{}$&%#_^~ab\n"))
def test_every_special_character_of_latex_is_escaped(words):
    bare = escape_latex(words)
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


@pytest.mark.parametrize(("words", "expected"), MARKDOWN)
def test_markdown_shows_markup_instead_of_obeying_it(words, expected):
    assert escape_markdown(words) == expected


@given(st.text())
def test_a_markdown_cell_stays_one_cell(words):
    shown = escape_markdown(words)
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
