"""Small configurations, and every reading of every attention, shared by the tests of the learning core."""

from typing import Any

from ser.config import FeatureSettings, FoldConfiguration

MEL = 5

READINGS: dict[str, dict[str, str]] = {
    "none": {"attention": "none"},
    "local-window": {"attention": "local", "attention_norm": "window"},
    "local-literal": {"attention": "local", "attention_norm": "literal"},
    "component-window-window": {"attention": "component", "component_score": "window", "attention_norm": "window"},
    "component-window-literal": {"attention": "component", "component_score": "window", "attention_norm": "literal"},
    "component-dense-window": {"attention": "component", "component_score": "dense", "attention_norm": "window"},
    "component-dense-literal": {"attention": "component", "component_score": "dense", "attention_norm": "literal"},
    "quantum-frames": {"attention": "quantum", "quantum_boundary": "frames"},
    "quantum-states": {"attention": "quantum", "quantum_boundary": "states"},
}
"""Every attention in every reading of it, by name."""

_DEFAULTS: dict[str, Any] = {
    "attention": "none",
    "scope": 3,
    "component_score": "dense",
    "attention_norm": "window",
    "quantum_boundary": "frames",
    "labels": "words",
    "loss_scale": "utterance",
    "decision": "posterior",
    "stack": 1,
    "cells": 4,
    "epochs": 3,
    "batch_size": 4,
    "learning_rate": 0.01,
    "features": FeatureSettings(mel_bands=MEL),
}


def small(**changes: Any) -> FoldConfiguration:
    """A configuration that trains in an instant; what the changes leave without effect becomes null."""
    return FoldConfiguration.parse(**(_DEFAULTS | changes))
