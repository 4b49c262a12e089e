"""Open the home and find the study that a command names, and parse `name=value` options."""

from collections.abc import Sequence

from ser.errors import ConfigurationError, StudyError, unknown_value_message
from studies.cli.options import HomeOptions, StorageOptions
from studies.search.summaries import StudySummary, list_studies
from studies.storages.home import Home


def open_home(options: StorageOptions) -> Home:
    """Return the data directory of a command's options, with its databases."""
    tracking = options.tracking if isinstance(options, HomeOptions) else None
    return Home(options.home, options.storage, tracking)


def find_study(home: Home, name: str | None) -> StudySummary:
    """Find the study of a name, or the newest one; errors as for `find_study_in`."""
    return find_study_in(list_studies(home.storage), home, name)


def find_study_in(
    studies: Sequence[StudySummary], home: Home, name: str | None, corpus: str | None = None
) -> StudySummary:
    """Find the study of a name, or the newest one, among studies that were listed already.

    Args:
        studies: All studies, the newest last.
        home: The data directory that holds them.
        name: Name of the study, or None for the newest.
        corpus: Only studies of the corpus of this name, or of corpora read that way; None for any.

    Raises:
        StudyError: There is none; the message lists the existing ones.
    """
    candidates = [study for study in studies if corpus in (None, study.plan.corpus, study.plan.corpus_name)]
    if not candidates:
        of = f" of corpus {corpus}" if corpus else ""
        corpora = ", ".join(sorted({study.plan.corpus_name for study in studies}))
        remedy = f"its studies are of {corpora}" if studies else "run one with: ser study run --attention none"
        raise StudyError(f"there is no study{of} in {home.storage.title}; {remedy}")
    if name is None:
        return candidates[-1]
    for study in candidates:
        if study.name == name:
            return study
    raise StudyError(unknown_value_message("study", name, [study.name for study in candidates]))


def parse_key_values(option: str, pairs: Sequence[str]) -> dict[str, str]:
    """Parse `name=value` pairs.

    Args:
        option: Option that the pairs came with, for the message.
        pairs: Values of the option.

    Returns:
        Values by name.

    Raises:
        ConfigurationError: A pair has no '=', or two pairs have the same name.

    Examples:
        >>> parse_key_values("--set", ["epochs=3"])
        {'epochs': '3'}
    """
    values: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise ConfigurationError(f"{option} {pair}: expected name=value, such as {option} name=value")
        if name in values:
            raise ConfigurationError(f"{option} {pair}: {name} is already set to {values[name]}")
        values[name] = value
    return values
