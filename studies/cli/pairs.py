"""Reading `name=value` options of the command line."""

from ser.errors import ConfigurationError


def named_values(option: str, pairs: list[str]) -> dict[str, str]:
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
