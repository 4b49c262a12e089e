"""Identities: equal names, equal results; whatever can move a result moves the name."""

import subprocess
import sys
from typing import Any

import pytest
import torch

from ser import identity
from ser.config import FoldConfiguration, digest_of
from ser.feature_settings import LogMelSettings
from ser.identity import fold_identity, trial_identity, weight_seed
from ser.results import Fold

FOLD = Fold(
    index=2,
    name="f1",
    scheme="leave-one-speaker-out/partner",
    test_speakers=("f1",),
    validation_speakers=("m1",),
    training_speakers=("f2", "m2"),
)

# Starting points at which between them every setting has an effect.
WINDOWED = FoldConfiguration.parse(
    attention="component",
    scope=9,
    component_score="dense",
    attention_norm="window",
    labels="words",
    loss_scale="utterance",
    decision="posterior",
)
QUANTUM = FoldConfiguration.parse(
    attention="quantum", quantum_boundary="frames", labels="words", loss_scale="utterance", decision="posterior"
)

OTHERS: dict[str, Any] = {
    "attention": "local",
    "scope": 7,
    "component_score": "window",
    "attention_norm": "literal",
    "criterion": "cross_entropy",
    "labels": "phonemes",
    "loss_scale": "label",
    "decision": "best_path",
    "normalisation": "zscore_training",
    "stack": 2,
    "layers": 1,
    "cells": 64,
    "dropout": 0.3,
    "output_dropout": 0.5,
    "projection": 64,
    "rmsprop": "tf1",
    "learning_rate": 0.002,
    "batch_size": 16,
    "gradient_clip": None,
    "epochs": 25,
    "selection": "best_validation",
    "ema_decay": None,
    "balance": "weights",
    "validation": "other_session",
    "precision": "bf16",
    "seed": 2,
}

OTHER_FEATURES: dict[str, Any] = {
    "sample_rate_hz": 8000,
    "mel_bands": 64,
    "window_s": 0.032,
    "frame_shift_s": 0.011,
    "fft_size": 1024,
    "log_floor": 1e-9,
}


def name(configuration: FoldConfiguration = WINDOWED, fold: Fold = FOLD, corpus: str = "c", device: str = "cpu") -> str:
    return fold_identity(configuration, corpus, fold, device)


def changed(configuration: FoldConfiguration, **changes: Any) -> FoldConfiguration:
    return FoldConfiguration.parse(**(configuration.model_dump() | changes))


def test_every_setting_is_tried_below() -> None:
    assert set(OTHERS) | {"quantum_boundary", "quantum_states", "joint_ctc_weight", "features"} == set(
        FoldConfiguration.model_fields
    )
    assert {*OTHER_FEATURES, "kind"} == set(LogMelSettings.model_fields)


@pytest.mark.parametrize("setting", OTHERS)
def test_every_setting_moves_the_identity(setting: str) -> None:
    other = changed(WINDOWED, **{setting: OTHERS[setting]})
    assert getattr(other, setting) != getattr(WINDOWED, setting)
    assert name(other) != name(WINDOWED)


def test_the_settings_of_quantum_attention_move_the_identity() -> None:
    assert name(changed(QUANTUM, quantum_boundary="states")) != name(QUANTUM)
    assert name(changed(QUANTUM, quantum_states="unit")) != name(QUANTUM)


def test_the_weight_of_a_joint_criterion_moves_the_identity() -> None:
    joint = changed(WINDOWED, criterion="joint")
    assert joint.joint_ctc_weight == 0.5
    assert name(changed(joint, joint_ctc_weight=0.3)) != name(joint)
    assert len({name(joint), name(), name(changed(WINDOWED, criterion="cross_entropy"))}) == 3


def test_an_output_dropout_that_changes_nothing_is_none() -> None:
    assert changed(WINDOWED, output_dropout=0) == WINDOWED
    dropping = changed(WINDOWED, dropout=0.3)
    assert changed(dropping, output_dropout=0.3) == dropping
    assert name(changed(dropping, output_dropout=0)) != name(dropping)


@pytest.mark.parametrize("setting", OTHER_FEATURES)
def test_every_setting_of_the_features_moves_the_identity(setting: str) -> None:
    other = changed(WINDOWED, features=LogMelSettings(**{setting: OTHER_FEATURES[setting]}))
    assert name(other) != name(WINDOWED)


def test_settings_without_effect_do_not() -> None:
    assert name(changed(QUANTUM, scope=21, component_score="window", attention_norm="literal")) == name(QUANTUM)
    sequence_to_label = changed(QUANTUM, criterion="cross_entropy")
    assert name(changed(sequence_to_label, labels="phonemes", decision="best_path")) == name(sequence_to_label)


def test_later_settings_leave_names_alone_while_they_are_off() -> None:
    # Digests of these configurations before there was dropout: what was computed then is still found.
    assert digest_of(WINDOWED.digest_content()) == "bd49eacd22a54db9b091ef5dbb7ec3b0"
    assert digest_of(QUANTUM.digest_content()) == "420e73f725a1514813b794c02aebe9b9"
    assert "dropout" not in WINDOWED.digest_content()
    # `raw` is what was computed before there was a choice.
    assert QUANTUM.quantum_states == "raw"
    assert changed(QUANTUM, quantum_states="raw").digest_content() == QUANTUM.digest_content()
    for configuration in (WINDOWED, QUANTUM):
        assert "quantum_states" not in configuration.digest_content()


def test_how_a_number_is_typed_does_not() -> None:
    assert name(changed(WINDOWED, gradient_clip=5)) == name(changed(WINDOWED, gradient_clip=5.0)) == name(WINDOWED)


@pytest.mark.parametrize("change", [{"index": 7}, {"name": "other"}, {"training_speakers": ("m2", "f2")}])
def test_index_name_and_the_order_of_speakers_do_not(change: dict[str, Any]) -> None:
    assert name(fold=FOLD.model_copy(update=change)) == name()


@pytest.mark.parametrize(
    "change",
    [
        {"test_speakers": ("m1",), "validation_speakers": ("f1",)},
        {"validation_speakers": ("m1", "m2"), "training_speakers": ("f2",)},
        {"training_speakers": ("f2", "m2", "f3")},
    ],
)
def test_speakers_of_any_part_do(change: dict[str, Any]) -> None:
    assert name(fold=FOLD.model_copy(update=change)) != name()


def test_corpus_device_torch_and_the_version_of_results_do(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = name()
    assert name(corpus="d") != plain
    assert name(device="cuda") != plain
    monkeypatch.setattr(identity, "installed_torch_version", lambda: "0.0")
    other_torch = name()
    monkeypatch.undo()
    monkeypatch.setattr(identity, "RESULTS_VERSION", identity.RESULTS_VERSION + 1)
    assert len({plain, other_torch, name()}) == 3


def test_a_trial_is_named_by_its_folds_in_any_order() -> None:
    assert trial_identity(["a", "b"]) == trial_identity(["b", "a"])
    assert trial_identity(["a", "b"]) != trial_identity(["a", "b", "c"])
    assert trial_identity(["a"]) != "a"


def test_weight_seeds_differ_by_seed_and_test_speaker_alone() -> None:
    plain = weight_seed(WINDOWED, FOLD)
    assert 0 <= plain < 2**63
    assert weight_seed(QUANTUM, FOLD.model_copy(update={"index": 9, "name": "x"})) == plain
    assert weight_seed(changed(WINDOWED, seed=2), FOLD) != plain
    assert weight_seed(WINDOWED, FOLD.model_copy(update={"test_speakers": ("m2",)})) != plain


def test_an_identity_is_32_hex_digits() -> None:
    assert len(name()) == 32
    assert set(name()) <= set("0123456789abcdef")


def test_the_version_of_torch_is_read_without_importing_it() -> None:
    code = "import sys, ser.identity as i; print(i.installed_torch_version()); sys.exit('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == str(torch.__version__)
