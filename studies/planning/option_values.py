"""Values of a study's options, checked against what is valid."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from ser.config import AttentionName
from ser.errors import ConfigurationError, unknown_value_message
from ser.feature_settings import LogMelSettings
from ser.features.frontends.base import FrontEndChoice
from ser.features.frontends.choices import parse_front_ends
from ser.folds import parse_scheme
from studies.planning.options import StudyOptions
from studies.planning.recipes import Recipe

_MAX_NAMED = 2
"""Front ends that a study's name spells out."""


def recipe_settings(recipe: Recipe, corpus: str, scheme: str, overrides: Mapping[str, str]) -> dict[str, Any]:
    """Return a recipe's settings with the user's overrides; only folds by speaker choose their validation."""
    settings = recipe.settings_for(corpus) | {name: _parse_setting(value) for name, value in overrides.items()}
    return settings if parse_scheme(scheme).name == "speaker" else settings | {"validation": None}


def chosen_front_ends(options: StudyOptions, recipe: Recipe) -> tuple[FrontEndChoice, ...]:
    """Parse the front ends of a study; none where they are log-mels alone, as before there were others."""
    front_ends = parse_front_ends(options.features or recipe.front_ends_for(options.corpus), options.download)
    return () if [choice.settings for choice in front_ends] == [LogMelSettings()] else front_ends


def swept_attentions(options: StudyOptions, recipe: Recipe) -> tuple[AttentionName, ...]:
    """Return the attentions of a study, and before them `none`, where a grid is to have its baseline."""
    names = get_args(AttentionName) if "all" in options.attentions else options.attentions
    attentions: tuple[AttentionName, ...] = members("attention", names, get_args(AttentionName))
    # A search for one attention and a search for `none` are two searches, each with all of its trials.
    add_baseline = options.baseline and not recipe.space and "none" not in attentions
    return ("none", *attentions) if add_baseline else attentions


def member(option: str, value: str, valid: tuple[str, ...]) -> Any:
    """Return a value that must be one of the valid ones.

    Raises:
        ConfigurationError: It is not; the text lists them.
    """
    if value not in valid:
        raise ConfigurationError(unknown_value_message(option, value, valid))
    return value


def members(option: str, values: tuple[str, ...], valid: tuple[str, ...]) -> Any:
    """Return values that must be among the valid ones, each once; errors as for `member`."""
    return tuple(dict.fromkeys(member(option, value, valid) for value in values))


def _parse_setting(value: str) -> Any:
    """Return None for a setting that is off; numbers stay text, which the configuration converts and checks."""
    return None if value in ("null", "off") else value


def front_end_words(front_ends: Sequence[FrontEndChoice]) -> list[str]:
    """Return the part of a study's name that names the front ends, where it sweeps any."""
    labels = [choice.settings.label.replace(" ", "_") for choice in front_ends]
    return ["+".join(labels) if len(labels) <= _MAX_NAMED else f"{len(labels)}_front_ends"] if labels else []
