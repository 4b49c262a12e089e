"""Front ends as a command line names them, such as `pretrained:/models/wavlm-base@6..9`."""

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import get_args

from ser.errors import ConfigurationError, unknown_value_message
from ser.feature_settings import (
    FilesSettings,
    FrontEndKind,
    LogMelProsodySettings,
    LogMelSettings,
    OpenSmileSettings,
    PretrainedSettings,
)
from ser.features.frontends.base import FrontEndChoice

_FORMS = {
    "log_mel": "log_mel",
    "log_mel_prosody": "log_mel_prosody",
    "pretrained": "pretrained:FOLDER@LAYER or pretrained:FOLDER@FIRST..LAST; with Whisper also ,whisper_padding=30s",
    "opensmile": "opensmile:eGeMAPSv02 or opensmile:ComParE_2016",
    "files": "files:FOLDER@SECONDS, the distance between two frames",
}

_PRETRAINED = re.compile(
    r"(?P<location>.+)@(?P<first>\d+)(\.\.(?P<last>\d+))?(,whisper_padding=(?P<padding>none|30s))?"
)
_FILES = re.compile(r"(?P<folder>.+)@(?P<shift_s>\d*\.?\d+)")


def parse_front_ends(texts: Sequence[str], download: bool = False) -> tuple[FrontEndChoice, ...]:
    """Parse the front ends of a study; weights and files that they name are read and digested.

    Args:
        texts: Each names a front end, or several layers of an encoder.
        download: Whether a checkpoint that is not in the user's cache may be downloaded from its hub.

    Returns:
        Front ends in their order, each once.

    Raises:
        SerError: A text has no valid form, or what it names cannot be used.
    """
    choices = [choice for text in texts for choice in _parse(text, download)]
    unique = {choice.settings: choice for choice in reversed(choices)}
    ordered = tuple(unique[settings] for settings in dict.fromkeys(choice.settings for choice in choices))
    by_label: dict[str, FrontEndChoice] = {}
    for choice in ordered:
        other = by_label.setdefault(choice.settings.label, choice)
        if other is not choice:
            raise ConfigurationError(
                f"features {format_choice(other)} and {format_choice(choice)} have the same name, "
                f"{choice.settings.label}; rename one of the folders"
            )
    return ordered


def format_choice(choice: FrontEndChoice) -> str:
    """Write a front end as a command line names it; `parse_front_ends` reads it again."""
    settings = choice.settings
    if isinstance(settings, PretrainedSettings):
        padding = ",whisper_padding=30s" if settings.whisper_padding == "30s" else ""
        return f"pretrained:{choice.location}@{settings.layer}{padding}"
    if isinstance(settings, FilesSettings):
        return f"files:{choice.location}@{format_shift(settings.frame_shift_s)}"
    return f"opensmile:{settings.feature_set}" if isinstance(settings, OpenSmileSettings) else settings.kind


def format_shift(frame_shift_s: float) -> str:
    """Write the distance between two frames in seconds with all its digits, as `files:FOLDER@SECONDS` has it.

    Examples:
        >>> format_shift(256 / 22_050)
        '0.011609977324263039'
    """
    return f"{Decimal(repr(frame_shift_s)):f}"


def _parse(text: str, download: bool) -> list[FrontEndChoice]:
    kind, _, rest = text.partition(":")
    if kind not in get_args(FrontEndKind):
        raise ConfigurationError(unknown_value_message("features", kind, get_args(FrontEndKind)))
    if kind == "pretrained" and (match := _PRETRAINED.fullmatch(rest)):
        return _parse_pretrained(match, download)
    if kind == "files" and (match := _FILES.fullmatch(rest)) and float(match["shift_s"]) > 0:
        from ser.features.frontends.files import files_settings

        folder = Path(match["folder"]).expanduser().absolute()
        return [FrontEndChoice(settings=files_settings(folder, float(match["shift_s"])), location=str(folder))]
    if kind == "opensmile" and rest in ("", "eGeMAPSv02", "ComParE_2016"):
        return [FrontEndChoice(settings=OpenSmileSettings.model_validate({"feature_set": rest or "eGeMAPSv02"}))]
    if kind == "log_mel" and not rest:
        return [FrontEndChoice(settings=LogMelSettings())]
    if kind == "log_mel_prosody" and not rest:
        return [FrontEndChoice(settings=LogMelProsodySettings())]
    raise ConfigurationError(f"features {text!r}: expected {_FORMS[kind]}")


def _parse_pretrained(match: re.Match[str], download: bool) -> list[FrontEndChoice]:
    from ser.features.frontends.pretrained.front_end import pretrained_settings

    location = match["location"]
    if Path(location).expanduser().is_dir():
        # Where the command is typed again, or a node of a cluster reads it, another folder may be the working one.
        location = str(Path(location).expanduser().absolute())
    layers = range(int(match["first"]), int(match["last"] or match["first"]) + 1)
    if not layers:
        raise ConfigurationError(f"features pretrained:{match[0]}: expected the first layer before the last")
    settings = pretrained_settings(location, layers, match["padding"], download)
    return [FrontEndChoice(settings=layer, location=location) for layer in settings]
