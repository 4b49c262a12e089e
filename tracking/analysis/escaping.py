"""Names come out as text wherever they are written: in CSV, LaTeX and Markdown. HTML is escaped by its template."""

import re
from functools import lru_cache
from typing import Any

_REMEMBERED = 8192
"""Texts whose form is remembered: a variant's name stands in a dozen tables, in each of them in many rows."""

_FORMULA = re.compile(r"[=+\-@＝＋－＠\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "%": r"\%",
        "#": r"\#",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        # Without T1 fonts these three print as other characters.
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        # What the report itself writes beyond ASCII, for engines that know only Latin letters.
        "−": r"$-$",
        "±": r"$\pm$",
        "×": r"$\times$",
        "·": r"$\cdot$",
        "Δ": r"$\Delta$",
        "†": r"$\dagger$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "–": "--",
        "…": r"\ldots{}",
        "“": "``",
        "”": "''",
    }
)

_MARKDOWN_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# Inside a line: what begins code, emphasis, a link, a column, mathematics, or an address that becomes a link.
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$@]|(?<=:)/|(?<=www)\.)")


@lru_cache(maxsize=_REMEMBERED)
def escape_csv(words: str) -> str:
    """Text for a cell of CSV that no spreadsheet takes for a formula.

    Args:
        words: The text; a name that a corpus or a user gave, say.

    Returns:
        The text; with an apostrophe before it where a spreadsheet would compute it.

    Examples:
        >>> escape_csv("=HYPERLINK(1)"), escape_csv("Ses01F"), escape_csv("-3")
        ("'=HYPERLINK(1)", 'Ses01F', '-3')
    """
    return f"'{words}" if _FORMULA.match(words) and not _NUMBER.fullmatch(words) else words


def escape_csv_cell(value: Any) -> Any:
    """A value for a cell of CSV: text as `escape_csv` writes it, anything else as it is."""
    return escape_csv(value) if isinstance(value, str) else value


@lru_cache(maxsize=_REMEMBERED)
def escape_latex(words: str) -> str:
    r"""Text for LaTeX, on one line.

    Args:
        words: The text.

    Returns:
        LaTeX that prints it, mathematics and commands included.

    Examples:
        >>> escape_latex("50% of $x_1$")
        '50\\% of \\$x\\_1\\$'
    """
    return " ".join(words.split()).translate(_LATEX)


@lru_cache(maxsize=_REMEMBERED)
def escape_markdown(words: str) -> str:
    r"""Text for a cell or a paragraph of Markdown, on one line.

    Args:
        words: The text.

    Returns:
        Markdown that shows it: no HTML, link, emphasis, mathematics or column comes of it.

    Examples:
        >>> escape_markdown("<b>|a_b|")
        '&lt;b&gt;\\|a\\_b\\|'
    """
    return _MARKDOWN.sub(r"\\\1", " ".join(words.split()).translate(_MARKDOWN_HTML))
