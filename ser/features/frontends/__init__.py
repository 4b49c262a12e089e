"""Front ends: one module per kind, behind one interface."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ser.errors import ConfigurationError
from ser.feature_settings import (
    FilesSettings,
    LogMelProsodySettings,
    LogMelSettings,
    OpenSmileSettings,
    PretrainedSettings,
)
from ser.features.frontends.base import FrontEnd, FrontEndChoice


def open_front_ends(choices: Sequence[FrontEndChoice]) -> list[FrontEnd]:
    """Open the front ends that compute what was chosen, each in one pass over the audio.

    Layers of one encoder are one front end. Its libraries are imported only where it is chosen.

    Args:
        choices: Choices without repetition.

    Raises:
        SerError: A front end's weights, files or library cannot be used.
    """
    passes: dict[object, list[FrontEndChoice]] = defaultdict(list)
    for choice in choices:
        passes[choice.settings.source].append(choice)
    return [_open(chosen) for chosen in passes.values()]


def _open(choices: Sequence[FrontEndChoice]) -> FrontEnd:
    """Open one front end: of several choices only if they are layers of one encoder."""
    settings, location = choices[0].settings, choices[0].location
    if isinstance(settings, LogMelSettings):
        from ser.features.frontends.log_mel import LogMelFrontEnd

        return LogMelFrontEnd([settings])
    if isinstance(settings, LogMelProsodySettings):
        from ser.features.frontends.log_mel_prosody import LogMelProsodyFrontEnd

        return LogMelProsodyFrontEnd([settings])
    if isinstance(settings, OpenSmileSettings):
        from ser.features.frontends.opensmile import OpenSmileFrontEnd

        return OpenSmileFrontEnd([settings])
    if location is None:
        raise ConfigurationError(f"features {settings.label}: their weights or files are not where they were chosen")
    if isinstance(settings, FilesSettings):
        from ser.features.frontends.files import FilesFrontEnd

        return FilesFrontEnd([settings], Path(location))
    from ser.features.frontends.pretrained.front_end import PretrainedFrontEnd

    layers = [choice.settings for choice in choices if isinstance(choice.settings, PretrainedSettings)]
    return PretrainedFrontEnd.open(layers, location)
