"""Comparison of an IEMOCAP folder with the release, which may have been unpacked in part."""

from collections.abc import Collection, Iterator, Mapping

from ser.corpora.iemocap.classes import PAPER, IemocapOptions, parse_classes

_PAPER_SET: Mapping[str, int] = {"Session1": 521, "Session2": 530, "Session3": 627, "Session4": 534, "Session5": 731}
"""Labels of the improvised dialogs in the paper's classes, by session."""

_PAPER_PART = "improvised"
_LABELS = 10_039
"""Labels of both parts, whatever their emotion."""


def describe_differences(
    sessions: Collection[str], options: IemocapOptions, class_counts: Mapping[str, int], labels: int
) -> Iterator[str]:
    """Describe how a folder differs from the release, one line per kind.

    The release's numbers are known for the paper's set, and for all dialogs together.

    Args:
        sessions: Names of the session folders that are there.
        options: Dialogs and classes.
        class_counts: Labels of the class set, by session folder.
        labels: Labels of the selected dialogs, whatever their emotion.
    """
    missing = sorted(_PAPER_SET.keys() - set(sessions))
    if missing:
        yield f"sessions of the release that are missing: {', '.join(missing)}"
    differing = []
    if options.part == _PAPER_PART and _codes(options.classes) == _codes(PAPER):
        differing = [
            f"{session} {class_counts.get(session, 0)} of {expected}"
            for session, expected in _PAPER_SET.items()
            if session not in missing and class_counts.get(session, 0) != expected
        ]
    elif options.part == "both" and not missing and labels != _LABELS:
        differing = [f"{labels} of {_LABELS}"]
    if differing:
        yield f"labels here, and in the release (the corpus may be unpacked in part): {', '.join(differing)}"


def _codes(classes: str) -> set[str]:
    return {code for codes in parse_classes(classes).values() for code in codes}
