"""Which study a command means."""

from collections.abc import Sequence

from ser.errors import StudyError, unknown_value
from studies.search.summaries import StudySummary, summaries
from studies.storages.home import Home


def chosen_study(home: Home, name: str | None, corpus: str | None) -> StudySummary:
    """The study of that name, or the newest one.

    Args:
        home: Where everything is kept.
        name: Name of the study, or None for the newest.
        corpus: Only studies of the corpus of this name, or of corpora read that way; None for any.

    Raises:
        StudyError: There is none; the text lists what there is.
    """
    return chosen_among(summaries(home.storage), home, name, corpus)


def chosen_among(known: Sequence[StudySummary], home: Home, name: str | None, corpus: str | None) -> StudySummary:
    """As `chosen_study`, among studies that were read already.

    Args:
        known: All studies, the newest last.
        home: Where they were read.
        name: As there.
        corpus: As there.

    Raises:
        StudyError: As there.
    """
    found = [each for each in known if corpus in (None, each.plan.corpus, each.plan.corpus_name)]
    if not found:
        of = f" of corpus {corpus}" if corpus else ""
        raise StudyError(f"there is no study{of} in {home.storage.title}; run one with: ser study run --attention none")
    if name is None:
        return found[-1]
    for each in found:
        if each.name == name:
            return each
    raise StudyError(unknown_value("study", name, [each.name for each in found]))
