"""Every setting that decides a fold's result, validated when made, with a stable digest.

A setting that has no effect is null (the scope of attention `none`, say), so that equal models
have equal identities whatever was typed.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator

from ser.errors import ConfigurationError, unknown_value_message
from ser.feature_settings import SETTINGS_BY_KIND, FeatureSettings, LogMelSettings
from ser.frozen_model import FrozenModel

AttentionName = Literal["none", "local", "component", "quantum"]
LabelStrategy = Literal["words", "phonemes", "phonemes_x2", "utterance"]
Criterion = Literal["ctc", "cross_entropy", "joint"]
ComponentScore = Literal["window", "dense"]
AttentionNorm = Literal["window", "literal"]
QuantumBoundary = Literal["frames", "states"]
QuantumStates = Literal["unit", "raw"]
Normalisation = Literal["minmax_utterance", "minmax_training", "zscore_training", "zscore_speaker"]
LossScale = Literal["utterance", "label"]
RmsProp = Literal["tf1", "torch"]
Selection = Literal["last", "best_validation"]
Decision = Literal["posterior", "best_path", "likelihood"]
Balance = Literal["none", "weights", "upsample"]
Validation = Literal["partner", "other_session"]
Precision = Literal["fp32", "bf16", "tf32"]

LATER_SETTINGS: dict[str, Any] = {
    "dropout": None,
    "output_dropout": None,
    "projection": None,
    "quantum_states": "raw",
    "joint_ctc_weight": 0.5,
}
"""Settings that came after the first results, each with the value that leaves earlier results as they are."""

WINDOWED_ATTENTIONS: tuple[AttentionName, ...] = ("local", "component")


def _odd(scope: int) -> int:
    if scope < 1 or scope % 2 == 0:
        raise ValueError(f"scope {scope} is not an odd number of frames, 1 or more")
    return scope


Scope = Annotated[int, AfterValidator(_odd)]


class FoldConfiguration(FrozenModel):
    """All that decides a fold's result besides the data and the machine.

    Attributes:
        attention: `none`, `local`, `component` (eq. 3-5) or `quantum` (eq. 6-8).
        scope: Frames that windowed attention sees, odd; null for the other attentions.
        component_score: Whether a component's score sees its own window (`window`, eq. 3 to the
            letter) or all components of its frame (`dense`); null unless attention is `component`.
        attention_norm: Whether the weights a frame uses sum to one (`window`) or each weight is
            normalised in its own window (`literal`, eq. 4-5); null unless attention is windowed.
        quantum_boundary: What stands for the two states of eq. 6: boundary frames or BLSTM states;
            null unless attention is `quantum`.
        quantum_states: Whether each vector of eq. 6 is divided by its length first (`unit`) or not (`raw`, eq. 6
            to the letter, whose weights are saturated); null unless attention is `quantum`.
        criterion: `ctc`, `cross_entropy` (sequence to one label), or a weighted sum of the two (`joint`).
        joint_ctc_weight: Weight w of CTC in w * CTC / N + (1 - w) * cross-entropy, N the length of the CTC target;
            null unless criterion is `joint`.
        labels: Times that an emotion is repeated in its target; null if criterion is `cross_entropy`.
        loss_scale: Whether a CTC loss is divided by its target's length (`label`) or not
            (`utterance`); null unless criterion is `ctc`.
        decision: How frame outputs become one emotion; null if criterion is `cross_entropy`.
        normalisation: What frames are normalised by, and over what.
        stack: Frames joined into one, 1 to 3.
        projection: Numbers that a linear layer makes of a stacked frame before the BLSTM, with the dropout behind it;
            null for off.
        layers: BLSTM layers.
        cells: LSTM cells per layer and direction.
        dropout: Share of features that training drops between layers and before the output layer; null for off.
        output_dropout: Share that it drops before the output layer instead, 0 for none; null for `dropout`.
        rmsprop: Flavour of RMSProp.
        learning_rate: Step size of RMSProp.
        batch_size: Utterances per optimiser step.
        gradient_clip: Largest norm of a step's gradient; null for no limit.
        epochs: Passes over the training speakers.
        selection: Whether the last epoch's weights are scored, or those of the best smoothed
            validation UA.
        ema_decay: Decay per step of the running average of weights; null for off.
        balance: Answer to unequal classes in training.
        validation: Which speaker validates a fold of one test speaker; null for other fold schemes.
        precision: Arithmetic of the network; `tf32` is for GPUs only.
        seed: Seed of the initial weights and of the batches.
        features: The front end.
    """

    attention: AttentionName
    scope: Scope | None = None
    component_score: ComponentScore | None = None
    attention_norm: AttentionNorm | None = None
    quantum_boundary: QuantumBoundary | None = None
    quantum_states: QuantumStates | None = None
    criterion: Criterion = "ctc"
    joint_ctc_weight: float | None = Field(None, gt=0, lt=1)
    labels: LabelStrategy | None = None
    loss_scale: LossScale | None = None
    decision: Decision | None = None
    normalisation: Normalisation = "zscore_speaker"
    stack: int = Field(3, ge=1, le=3)
    projection: int | None = Field(None, ge=1)
    layers: int = Field(2, ge=1)
    cells: int = Field(128, ge=1)
    dropout: float | None = Field(None, gt=0, lt=1)
    output_dropout: float | None = Field(None, ge=0, lt=1)
    rmsprop: RmsProp = "torch"
    learning_rate: float = Field(1e-3, gt=0)
    batch_size: int = Field(32, ge=1)
    gradient_clip: float | None = Field(5.0, gt=0)
    epochs: int = Field(24, ge=1)
    selection: Selection = "last"
    ema_decay: float | None = Field(0.98, gt=0, lt=1)
    balance: Balance = "none"
    validation: Validation | None = "partner"
    precision: Precision = "fp32"
    seed: int = Field(1, ge=0)
    features: FeatureSettings = LogMelSettings()

    @model_validator(mode="before")
    @classmethod
    def _clear_inactive_settings(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        values = values | {name: value for name, value in LATER_SETTINGS.items() if values.get(name) is None}
        active = active_settings(values.get("attention"), values.get("criterion", "ctc"))
        missing = [name for name, used in active.items() if used and values.get(name) is None]
        if missing and values.get("attention") in get_args(AttentionName):
            raise ValueError(f"attention {values['attention']} needs a value for: {', '.join(missing)}")
        return {name: None if active.get(name) is False else value for name, value in values.items()}

    @field_validator("output_dropout")
    @classmethod
    def _clear_equal_dropout(cls, share: float | None, info: ValidationInfo) -> float | None:
        return None if share == (info.data.get("dropout") or 0) else share

    def digest_content(self) -> dict[str, Any]:
        """Return all settings as plain data, as they enter digests.

        A setting that came after the first results is left out while it has no effect or its earlier one: what was
        computed before it came keeps its name, and is not computed again.
        """
        values = self.model_dump(mode="json", exclude={"features"}) | {"features": self.features.digest_content()}
        return {
            name: value
            for name, value in values.items()
            if name not in LATER_SETTINGS or value not in (None, LATER_SETTINGS[name])
        }

    @classmethod
    def parse(cls, **values: Any) -> "FoldConfiguration":
        """Make a configuration; settings without effect may be given and become null.

        Raises:
            ConfigurationError: A name or a value is not valid; the text lists the valid ones.

        Examples:
            >>> FoldConfiguration.parse(attention="quantum", scope=9, quantum_boundary="frames", labels="words",
            ...                      loss_scale="utterance", decision="posterior").scope is None
            True
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise ConfigurationError(_one_line(error)) from None


def active_settings(attention: str | None, criterion: str) -> dict[str, bool]:
    """Return which of the settings that depend on others have an effect.

    Returns:
        Every such setting by name: whether it has an effect.

    Examples:
        >>> active_settings("quantum", "ctc")["scope"]
        False
    """
    return {
        "scope": attention in WINDOWED_ATTENTIONS,
        "component_score": attention == "component",
        "attention_norm": attention in WINDOWED_ATTENTIONS,
        "quantum_boundary": attention == "quantum",
        "quantum_states": attention == "quantum",
        "labels": criterion != "cross_entropy",
        "loss_scale": criterion == "ctc",
        "decision": criterion != "cross_entropy",
        "joint_ctc_weight": criterion == "joint",
    }


def _one_line(error: ValidationError) -> str:
    """Return the first complaint of a pydantic error, in words that name the setting and its valid values."""
    first = error.errors()[0]
    # The settings of a front end stand below its kind, which is no name of a setting.
    name = ".".join(str(part) for part in first["loc"] if part not in SETTINGS_BY_KIND) or "configuration"
    if first["type"] == "extra_forbidden":
        group = FoldConfiguration if len(first["loc"]) == 1 else SETTINGS_BY_KIND[str(first["loc"][1])]
        return unknown_value_message("setting", first["loc"][-1], group.model_fields)
    if first["type"] == "union_tag_invalid":
        return unknown_value_message(name, first["ctx"]["tag"], SETTINGS_BY_KIND)
    if first["type"] == "missing":
        return f"setting {name} is missing"
    if first["type"] == "literal_error":
        valid = [word.strip("' ") for word in first["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return unknown_value_message(name, first["input"], valid)
    if first["type"] == "value_error":
        return first["msg"].removeprefix("Value error, ")
    return f"{name}: {first['msg']} (given: {first['input']!r})"


def digest_of(value: Any) -> str:
    """Return a stable digest of plain data: the first 32 hex digits of SHA-256 over canonical JSON.

    Args:
        value: Dictionaries, lists, strings, numbers, booleans and None.

    Examples:
        >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
        True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
