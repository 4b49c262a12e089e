"""Labels of variants, and the settings in which they may differ."""

from collections.abc import Iterable
from typing import Any

from ser.config import FoldConfiguration
from ser.feature_settings import FeatureSettings

FIXED, SELECTED = "fixed", "selected per fold"

ATTENTION_SETTINGS = (
    "attention",
    "scope",
    "component_score",
    "attention_norm",
    "quantum_boundary",
    "quantum_states",
)
"""Settings in which a variant differs from its baseline, attention `none`."""

FEATURES = "features"
"""Name of the front end among settings."""

FRONT_END_SETTINGS = ("normalisation", "stack", "projection")
"""Settings of a model that suit one front end and not another."""

CRITERION_SETTINGS = ("criterion", "labels", "loss_scale", "decision", "joint_ctc_weight")
"""Settings in which a CTC model differs from the sequence-to-label model."""


def attention_label(configuration: FoldConfiguration) -> str:
    """Name the attention, with its scope where it has one, such as 'component · scope 9'."""
    scope = "" if configuration.scope is None else f" · scope {configuration.scope}"
    return f"{configuration.attention}{scope}"


def target_label(configuration: FoldConfiguration) -> str:
    """Name the label strategy of a CTC model, after 'joint' where it is the criterion; else 'cross_entropy'."""
    words = ("" if configuration.criterion == "ctc" else configuration.criterion, configuration.labels)
    return " ".join(word for word in words if word)


def variant_label(configuration: FoldConfiguration) -> str:
    """Name a variant.

    Args:
        configuration: Its configuration; the seed has no effect.

    Returns:
        Attention, scope where there is one, target (see `target_label`), and the front end unless it is log-mels.

    Examples:
        >>> variant_label(FoldConfiguration.parse(attention="none", criterion="cross_entropy"))
        'none · cross_entropy'
    """
    return f"{attention_label(configuration)} · {target_label(configuration)}{front_end_suffix(configuration.features)}"


def front_end_suffix(features: FeatureSettings) -> str:
    """Return what a name says of a front end, such as ' · whisper-tiny.en@2'; nothing of log-mels, the paper's."""
    return "" if features.kind == "log_mel" else f" · {features.label}"


def shared_front_end_suffix(configurations: Iterable[FoldConfiguration]) -> str:
    """Return what a name says of the front end of several configurations, nothing of layers in which they differ."""
    features = list(dict.fromkeys(configuration.features for configuration in configurations))
    suffix = front_end_suffix(features[0])
    return suffix if len(features) == 1 or not suffix else f" · {features[0].source_label}"


def trial_run_name(configuration: FoldConfiguration) -> str:
    """Name a trial, such as 'component · scope 9 · phonemes'; a seed other than 1 is appended."""
    label = variant_label(configuration)
    return label if configuration.seed == 1 else f"{label} · seed {configuration.seed}"


def settings_without(configuration: FoldConfiguration, names: Iterable[str]) -> dict[str, Any]:
    """Return all settings by name, except the given names and the seed."""
    excluded = {"seed", *names}
    return {name: value for name, value in configuration if name not in excluded}


def flatten_settings(configuration: FoldConfiguration) -> dict[str, Any]:
    """Return all settings by name, those of the front end among them; `features` is the front end's label."""
    settings = dict(configuration)
    of_front_end = {name: value for name, value in configuration.features if name not in ("kind", "name")}
    return settings | {"features": configuration.features.label} | of_front_end
