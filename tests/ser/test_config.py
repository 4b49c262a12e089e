"""Settings: what has no effect is null, and a wrong one is answered in one helpful line."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from ser.config import FoldConfiguration, digest_of
from ser.errors import ConfigurationError

EVERYTHING: dict[str, Any] = {
    "scope": 9,
    "component_score": "dense",
    "attention_norm": "window",
    "quantum_boundary": "frames",
    "quantum_states": "unit",
    "labels": "phonemes",
    "loss_scale": "utterance",
    "decision": "posterior",
    "joint_ctc_weight": 0.4,
}
CTC = {"labels", "loss_scale", "decision"}


@pytest.mark.parametrize(
    ("attention", "used"),
    [
        ("none", set()),
        ("local", {"scope", "attention_norm"}),
        ("component", {"scope", "attention_norm", "component_score"}),
        ("quantum", {"quantum_boundary", "quantum_states"}),
    ],
)
@pytest.mark.parametrize(
    ("criterion", "used_by_criterion"),
    [("ctc", CTC), ("cross_entropy", set()), ("joint", {"labels", "decision", "joint_ctc_weight"})],
)
def test_settings_without_effect_become_null(
    attention: str, used: set[str], criterion: str, used_by_criterion: set[str]
) -> None:
    made = FoldConfiguration.parse(attention=attention, criterion=criterion, **EVERYTHING)
    assert {name for name in EVERYTHING if getattr(made, name) is not None} == used | used_by_criterion
    only = {name: EVERYTHING[name] for name in used | used_by_criterion}
    assert FoldConfiguration.parse(attention=attention, criterion=criterion, **only) == made


def test_ctc_is_the_criterion_unless_another_is_named() -> None:
    made = FoldConfiguration.parse(attention="none", **EVERYTHING)
    assert (made.criterion, made.labels) == ("ctc", "phonemes")


def refusal(**changes: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        FoldConfiguration.parse(**({"attention": "local"} | EVERYTHING | changes))
    text = str(caught.value)
    assert "\n" not in text
    assert "pydantic" not in text
    return text


@pytest.mark.parametrize(
    ("attention", "name"),
    [
        ("local", "scope"),
        ("local", "attention_norm"),
        ("component", "component_score"),
        ("quantum", "quantum_boundary"),
        ("none", "labels"),
        ("none", "loss_scale"),
        ("none", "decision"),
    ],
)
def test_a_setting_that_is_needed_and_missing_is_named(attention: str, name: str) -> None:
    assert refusal(attention=attention, **{name: None}) == f"attention {attention} needs a value for: {name}"


@pytest.mark.parametrize("scope", [0, 2, 8, -1, -3])
def test_a_scope_is_odd_and_positive(scope: int) -> None:
    assert refusal(scope=scope) == f"scope {scope} is not an odd number of frames, 1 or more"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"attention": "quantun"},
            "unknown attention 'quantun' (did you mean 'quantum'?); valid: none, local, component",
        ),
        ({"attention": "compnent"}, "unknown attention 'compnent' (did you mean 'component'?); valid: none, local"),
        ({"attention": "transformer"}, "unknown attention 'transformer'; valid: none, local, component, quantum"),
        (
            {"criterion": "cross entropy"},
            "unknown criterion 'cross entropy' (did you mean 'cross_entropy'?); valid: ctc",
        ),
        ({"labels": "word"}, "unknown labels 'word' (did you mean 'words'?); valid: words, phonemes, phonemes_x2"),
        ({"scop": 3}, "unknown setting 'scop' (did you mean 'scope'?); valid: attention, scope, component_score"),
        (
            {"features": {"mel_band": 40}},
            "unknown setting 'mel_band' (did you mean 'mel_bands'?); valid: sample_rate_hz",
        ),
        ({"scope": "nine"}, "scope: Input should be a valid integer"),
        ({"epochs": 0}, "epochs: Input should be greater than or equal to 1 (given: 0)"),
        ({"stack": 4}, "stack: Input should be less than or equal to 3 (given: 4)"),
        ({"ema_decay": 1.0}, "ema_decay: Input should be less than 1 (given: 1.0)"),
        ({"dropout": 1.0}, "dropout: Input should be less than 1 (given: 1.0)"),
        ({"dropout": 0.0}, "dropout: Input should be greater than 0 (given: 0.0)"),
        ({"output_dropout": -0.1}, "output_dropout: Input should be greater than or equal to 0 (given: -0.1)"),
        ({"criterion": "joint", "joint_ctc_weight": 1}, "joint_ctc_weight: Input should be less than 1 (given: 1)"),
        ({"learning_rate": "fast"}, "learning_rate: Input should be a valid number"),
        ({"features": {"mel_bands": 0}}, "features.mel_bands: Input should be greater than 0 (given: 0)"),
    ],
)
def test_a_wrong_setting_is_named_with_the_valid_ones(changes: dict[str, Any], text: str) -> None:
    assert refusal(**changes).startswith(text)


def test_a_missing_attention_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^setting attention is missing$"):
        FoldConfiguration.parse(**EVERYTHING)


def test_a_configuration_cannot_be_changed() -> None:
    made = FoldConfiguration.parse(attention="none", **EVERYTHING)
    with pytest.raises(ValidationError, match="frozen"):
        made.cells = 4  # type: ignore[misc]


def test_a_configuration_survives_json() -> None:
    made = FoldConfiguration.parse(attention="component", learning_rate=0.1 + 0.2, gradient_clip=None, **EVERYTHING)
    assert FoldConfiguration.model_validate_json(made.model_dump_json()) == made


def test_digests_depend_on_content_not_on_order() -> None:
    assert digest_of({"a": 1, "b": [2.5, None]}) == digest_of(json.loads('{"b": [2.5, null], "a": 1}'))
    assert digest_of({"a": 1}) != digest_of({"a": 2})
    assert digest_of([1, 2]) != digest_of([2, 1])
    # SHA-256 of the text [1,2], by the tool sha256sum.
    assert digest_of([1, 2]) == "49a64717d5d4cb19952e6eac2946415c"


def test_what_is_no_number_has_no_digest() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest_of(float("nan"))
