"""Attentions, one per file, and the one function that turns a configuration into one of them."""

from ser.config import FoldConfiguration
from ser.errors import ConfigurationError
from ser.model.attention.base import Attention
from ser.model.attention.component import ComponentAttention
from ser.model.attention.local import LocalAttention
from ser.model.attention.none import NoAttention
from ser.model.attention.quantum import QuantumAttention

__all__ = ["Attention", "ComponentAttention", "LocalAttention", "NoAttention", "QuantumAttention", "make_attention"]


def make_attention(configuration: FoldConfiguration) -> Attention:
    """Make the attention that a configuration asks for.

    Args:
        configuration: The configuration; the settings that its attention needs are not null.

    Returns:
        The attention over BLSTM outputs of 2 * cells features.
    """
    features = 2 * configuration.cells
    match configuration:
        case FoldConfiguration(attention="none"):
            return NoAttention()
        case FoldConfiguration(attention="local", scope=int(scope), attention_norm=str(norm)):
            return LocalAttention(features, scope, norm)
        case FoldConfiguration(
            attention="component", scope=int(scope), attention_norm=str(norm), component_score=str(score)
        ):
            return ComponentAttention(features, scope, score, norm)
        case FoldConfiguration(attention="quantum", quantum_boundary=str(boundary), quantum_states=str(states)):
            return QuantumAttention(boundary, states)
    raise ConfigurationError(f"attention {configuration.attention} lacks a setting: {configuration}")
