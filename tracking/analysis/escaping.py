"""Escaping of text for CSV, LaTeX and Markdown. HTML is escaped by its template."""

import re
from functools import lru_cache
from typing import Any

_CACHE_SIZE = 8192
"""Escaped texts to cache: a variant's name occurs in many rows of a dozen tables."""

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
        # Non-ASCII characters of the report's own text, for engines that know only Latin letters.
        "−": r"$-$",
        "±": r"$\pm$",
        "×": r"$\times$",
        "·": r"$\cdot$",
        "Δ": r"$\Delta$",
        "†": r"$\dagger$",
        "‡": r"$\ddagger$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "–": "--",
        "…": r"\ldots{}",
        "“": "``",
        "”": "''",
    }
)

_MARKDOWN_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# Inside a line: the start of code, emphasis, a link, a column, mathematics, or an address that becomes a link.
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$@]|(?<=:)/|(?<=www)\.)")


@lru_cache(maxsize=_CACHE_SIZE)
def escape_csv(text: str) -> str:
    """Escape text for a cell of CSV, so that no spreadsheet takes it for a formula.

    Args:
        text: The text, such as a name from a corpus or a user.

    Returns:
        The text, after an apostrophe where a spreadsheet would compute it.

    Examples:
        >>> escape_csv("=HYPERLINK(1)"), escape_csv("Ses01F"), escape_csv("-3")
        ("'=HYPERLINK(1)", 'Ses01F', '-3')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def escape_csv_cell(value: Any) -> Any:
    """Escape a value for a cell of CSV if it is text; return anything else as it is."""
    return escape_csv(value) if isinstance(value, str) else value


@lru_cache(maxsize=_CACHE_SIZE)
def escape_latex(text: str) -> str:
    r"""Escape text for LaTeX, on one line.

    Returns:
        LaTeX that prints it, mathematics and commands included.

    Examples:
        >>> escape_latex("50% of $x_1$")
        '50\\% of \\$x\\_1\\$'
    """
    return " ".join(text.split()).translate(_LATEX)


@lru_cache(maxsize=_CACHE_SIZE)
def escape_markdown(text: str) -> str:
    r"""Escape text for a cell or a paragraph of Markdown, on one line.

    Returns:
        Markdown that shows it without HTML, links, emphasis, mathematics or columns.

    Examples:
        >>> escape_markdown("<b>|a_b|")
        '&lt;b&gt;\\|a\\_b\\|'
    """
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()).translate(_MARKDOWN_HTML))
