"""Table of UA on speakers of whom few recordings are at hand, and one sentence on the variant that validation chose."""

from collections.abc import Mapping

from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.report.tables.rendering.formatting import format_percent
from tracking.analysis.report.tables.rendering.model import Column, Table, percent_cell, text_cell
from tracking.analysis.report_context import UnseenSpeakers

_EQUAL = 0.0005
"""Difference of UA that rounds to nothing."""


def unseen_table(analysis: Analysis, unseen: UnseenSpeakers) -> Table:
    """Make the table, with the sentence and what is missing in its caption."""
    variants = {variant.label: variant for variant in analysis.variants}
    counts = list(dict.fromkeys(count for by_count in unseen.ua.values() for count in by_count))
    rows = tuple(
        (
            text_cell(label),
            percent_cell(variants[label].scores.ua.mean),
            *(percent_cell(by_count[count]) for count in counts),
        )
        for label, by_count in unseen.ua.items()
    )
    sentences = [_sentence(label, variants[label].scores.ua.mean, ua) for label, ua in list(unseen.ua.items())[:1]]
    sentences += [
        "Pooled UA in percent by how many recordings of a test speaker the statistics are taken of that normalise "
        "them: the recording that is recognised and others, drawn the same every time; 'none': statistics of the "
        "training speakers. Nothing was trained again.",
        *(f"{note[:1].upper()}{note[1:]}." for note in unseen.notes),
    ]
    first = next(iter(unseen.ua), None)
    if first is not None and unseen.ua.keys() <= {first, analysis.reported(variants[first]).label}:
        others = any(variant.label not in unseen.ua for variant in analysis.complete)
        sentences += ["ser report --unseen adds the other variants."] if others else []
    return Table(
        "unseen",
        "UA on unseen speakers",
        " ".join(sentences),
        (
            Column("variant", numeric=False),
            Column("all recordings", "as everywhere else in this report"),
            *(Column(_title(count)) for count in counts),
        ),
        rows,
    )


def _title(count: int) -> str:
    return "none" if count == 0 else f"{count} recording{'s' if count > 1 else ''}"


def _sentence(label: str, full: float, ua: Mapping[int, float]) -> str:
    """Say what is left of a variant's UA."""
    if all(abs(full - share) < _EQUAL for share in ua.values()):
        return (
            f"{label} needs no statistics of a speaker: its UA is {format_percent(full)}% on the first recording, too."
        )
    parts = [
        f"{format_percent(share)}% with statistics of the training speakers"
        if count == 0
        else f"{format_percent(share)}% with {_title(count)}"
        for count, share in ua.items()
    ]
    return (
        f"{label} has {format_percent(full)}% UA where all recordings of a speaker are at hand, "
        f"{', '.join(parts[:-1])} and {parts[-1]}."
    )
