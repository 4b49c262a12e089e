"""Front ends: one module per kind, behind one interface."""

from collections.abc import Sequence

from ser.feature_settings import LogMelSettings
from ser.features.frontends.base import FrontEnd, FrontEndChoice


def open_front_ends(choices: Sequence[FrontEndChoice]) -> list[FrontEnd]:
    """Open the front ends that compute what was chosen, each in one pass over the audio.

    Args:
        choices: Choices without repetition.

    Raises:
        SerError: A front end's weights, files or library cannot be used.
    """
    front_ends: list[FrontEnd] = []
    for choice in choices:
        settings = choice.settings
        if isinstance(settings, LogMelSettings):
            from ser.features.frontends.log_mel import LogMelFrontEnd

            front_ends.append(LogMelFrontEnd([settings]))
    return front_ends
