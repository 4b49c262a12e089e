"""Names of speakers and classes: normalization, and names that probably mean the same."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

PLACEHOLDERS = frozenset({"nan", "none", "na", "n/a", "<na>", "null", "?", "-"})
"""Texts, in small letters, that stand for a missing value in other programs."""

_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
_NUMBER = re.compile(r"(?<![\d.])0*(\d+)(?:\.0+)?(?![\d.])", re.ASCII)


def clean_name(text: str) -> str:
    """Strip blanks and invisible characters around a name, and compose its accents (NFC)."""
    stripped = text.strip()
    while stripped and (stripped[0] in _ZERO_WIDTH or stripped[-1] in _ZERO_WIDTH):
        stripped = stripped.strip(_ZERO_WIDTH).strip()
    return unicodedata.normalize("NFC", stripped)


def similar_names(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Group names that differ in case, blanks, Unicode form or the spelling of a number only.

    Returns:
        Groups of two or more different names, sorted.

    Examples:
        >>> similar_names(["S01", "s1", "S2", "Joy", "joy", "1", "1.0"])
        (('1', '1.0'), ('Joy', 'joy'), ('S01', 's1'))
    """
    groups: dict[str, set[str]] = defaultdict(set)
    for name in names:
        groups[_comparison_key(name)].add(name)
    return tuple(sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1))


def _comparison_key(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).casefold()
    visible = "".join(character for character in text if not character.isspace() and character not in _ZERO_WIDTH)
    return _NUMBER.sub(r"\1", visible)


def join_similar(counts: Mapping[str, int]) -> dict[str, str]:
    """Map every name to the most frequent of the names similar to it."""
    joined = {name: name for name in counts}
    for group in similar_names(counts):
        joined |= dict.fromkeys(group, max(group, key=lambda name: counts[name]))
    return joined


def describe_similar(kind: str, names: Iterable[str]) -> tuple[str, ...]:
    """Describe groups of similar names with their numbers of utterances.

    Args:
        kind: What is named, in plural, such as 'speakers'.
        names: The name of each utterance.
    """
    counts = Counter(names)
    return tuple(
        f"{kind} whose names differ in spelling only: " + ", ".join(f"'{name}' ({counts[name]})" for name in group)
        for group in similar_names(counts)
    )


def describe_placeholders(kind: str, names: Iterable[str]) -> tuple[str, ...]:
    """Describe names that look like missing values, with their numbers of utterances."""
    counts = Counter(names)
    return tuple(
        f"{kind} '{name}' ({counts[name]} utterances) looks like a missing value but is read as a name"
        for name in sorted(counts)
        if name.casefold() in PLACEHOLDERS
    )
