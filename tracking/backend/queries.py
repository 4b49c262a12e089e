"""Conditions in MLflow's filter language, which knows no escapes: a text is quoted by what it does not contain."""

from collections.abc import Mapping

from ser.errors import ConfigurationError


def quoted(text: str) -> str:
    """A text as a value in a filter.

    Args:
        text: Any text, such as the name of a study.

    Returns:
        It in single quotes, or in double ones where it has a single quote or a backslash at its end, which
        MLflow 3.17 would read together with the quote that closes it.

    Raises:
        ConfigurationError: MLflow has no words for it: neither kind of quotes would do.

    Examples:
        >>> print(quoted("emodb"), quoted("o'brien"))
        'emodb' "o'brien"
    """
    if "'" not in text and not text.endswith("\\"):
        return f"'{text}'"
    if '"' not in text:
        return f'"{text}"'
    raise ConfigurationError(
        f"MLflow cannot look for {text!r}: a name with a double quote may neither have a single one "
        "nor end in a backslash"
    )


def tagged(tags: Mapping[str, str]) -> str:
    """The condition that a run has all the given tags.

    Args:
        tags: Tag to value.

    Raises:
        ConfigurationError: See `quoted`.
    """
    return " and ".join(f"tags.`{name}` = {quoted(value)}" for name, value in tags.items())
