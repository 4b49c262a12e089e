"""Fold schemes by name: `speaker`, `session`, `groups:K` and `given`."""

from dataclasses import dataclass
from typing import Literal, get_args

from ser.config import Validation
from ser.corpora.corpus import Corpus
from ser.errors import ConfigurationError, FoldError, unknown_value_message
from ser.folds.group_k_fold import group_folds
from ser.folds.leave_one_session_out import session_folds
from ser.folds.leave_one_speaker_out import speaker_folds
from ser.folds.predefined import predefined_fold
from ser.results import Fold

SchemeName = Literal["speaker", "session", "groups", "given"]


@dataclass(frozen=True)
class Scheme:
    """Fold scheme as asked for.

    Attributes:
        name: Its name.
        groups: Number of groups; 0 for the other schemes.
    """

    name: SchemeName
    groups: int = 0


def parse_scheme(text: str) -> Scheme:
    """Read a scheme's text, such as 'speaker' or 'groups:5'.

    Raises:
        ConfigurationError: There is no such scheme, or 'groups' has no number.

    Examples:
        >>> parse_scheme("groups:5").groups
        5
    """
    name, _, number = text.partition(":")
    for scheme_name in get_args(SchemeName):
        if name == scheme_name and scheme_name == "groups":
            if not number.isdecimal():
                raise ConfigurationError(f"folds '{text}': expected groups:K with a number K, such as groups:5")
            return Scheme("groups", int(number))
        if text == scheme_name:
            return Scheme(scheme_name)
    raise ConfigurationError(unknown_value_message("folds", text, ["speaker", "session", "groups:K", "given"]))


def make_folds(corpus: Corpus, scheme: Scheme, validation: Validation | None) -> tuple[Fold, ...]:
    """Return the folds of a scheme.

    Args:
        corpus: The corpus.
        scheme: The scheme.
        validation: Who validates; only scheme `speaker` leaves that open, for the others it is null.

    Raises:
        FoldError: The corpus cannot be divided that way; the text names why, and what was left out of it.
        ConfigurationError: Scheme `speaker` without a `validation`.
    """
    try:
        return _make_folds(corpus, scheme, validation)
    except FoldError as error:
        if not corpus.skipped:
            raise
        first = corpus.skipped[0]
        cause = f"{len(corpus.skipped)} utterances were left out (first: {first.name}: {first.reason})"
        raise FoldError(f"{error}; {cause}") from error


def _make_folds(corpus: Corpus, scheme: Scheme, validation: Validation | None) -> tuple[Fold, ...]:
    if scheme.name == "session":
        return session_folds(corpus)
    if scheme.name == "groups":
        return group_folds(corpus, scheme.groups)
    if scheme.name == "given":
        return predefined_fold(corpus)
    if validation is None:
        raise ConfigurationError("folds 'speaker' need a validation: partner or other_session")
    return speaker_folds(corpus, validation)
