"""Which study a command means."""

from collections.abc import Sequence

from ser.errors import ConfigurationError, StudyError, unknown_value_message
from studies.search.summaries import StudySummary, list_studies
from studies.storages.home import Home


def find_study(home: Home, name: str | None, corpus: str | None) -> StudySummary:
    """The study of that name, or the newest one.

    Args:
        home: Where everything is kept.
        name: Name of the study, or None for the newest.
        corpus: Only studies of the corpus of this name, or of corpora read that way; None for any.

    Raises:
        StudyError: There is none; the text lists what there is.
    """
    return find_study_in(list_studies(home.storage), home, name, corpus)


def find_study_in(known: Sequence[StudySummary], home: Home, name: str | None, corpus: str | None) -> StudySummary:
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
    raise StudyError(unknown_value_message("study", name, [each.name for each in found]))


def parse_key_values(option: str, pairs: list[str]) -> dict[str, str]:
    """Reads `name=value` pairs.

    Args:
        option: The option they came with, for the message.
        pairs: What was typed.

    Returns:
        Values by name.

    Raises:
        ConfigurationError: A pair has no '=', or a name is given twice.

    Examples:
        >>> named_values("--set", ["epochs=3"])
        {'epochs': '3'}
    """
    values: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise ConfigurationError(f"{option} {pair}: expected name=value, such as {option} name=value")
        if name in values:
            raise ConfigurationError(f"{option} {pair}: {name} was given already, as {values[name]}")
        values[name] = value
    return values
