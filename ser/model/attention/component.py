"""Component attention (paper, eq. 3-5): a weight for each frame and each component of it.

Suffixes of tensors: B = batch, T = frame, F = feature.

The scores differ by the reading of eq. 3. `DenseScore`: e_t = tanh(W C_t + b), W in R^(F, F).
`WindowScore`: e_(t,f) = tanh(sum_i W_(f,i) C_(t+i,f) + b_f), each component over its own window.
Both return `(batch, frame, feature)`.
"""

from torch import Tensor, nn
from typing_extensions import override

from ser.config import AttentionNorm, ComponentScore
from ser.model.attention.base import Attention
from ser.model.attention.windowed import relative_entropies, window_average


class DenseScore(nn.Module):
    """Scores from all components of the frame itself.

    Args:
        features: Size F of a BLSTM output.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, features)

    def forward(self, C_BTF: Tensor) -> Tensor:
        """Scores in -1..1, shape `(batch, frame, feature)`."""
        return self.score(C_BTF).tanh()  # type: ignore[no-any-return]


class WindowScore(nn.Module):
    """Scores from each component's own window; missing and padded frames contribute 0.

    Args:
        features: Size F of a BLSTM output.
        scope: Frames of the window, odd.
    """

    def __init__(self, features: int, scope: int) -> None:
        super().__init__()
        self.score = nn.Conv1d(features, features, scope, padding=(scope - 1) // 2, groups=features)

    def forward(self, C_BTF: Tensor) -> Tensor:
        """Scores in -1..1, shape `(batch, frame, feature)`; relies on C being zero in padded frames."""
        return self.score(C_BTF.transpose(1, 2)).transpose(1, 2).tanh()  # type: ignore[no-any-return]


class ComponentAttention(Attention):
    """One weight per frame and component.

    Args:
        features: Size F of a BLSTM output.
        scope: Frames of the window, odd.
        score: Reading of eq. 3.
        norm: How weights are normalised, see `window_average`.
    """

    def __init__(self, features: int, scope: int, score: ComponentScore, norm: AttentionNorm) -> None:
        super().__init__()
        self.scope = scope
        self.norm: AttentionNorm = norm
        self.score = DenseScore(features) if score == "dense" else WindowScore(features, scope)

    @override
    def forward(self, C_BTF: Tensor, lengths: Tensor) -> Tensor:
        return window_average(self.score(C_BTF), C_BTF, lengths, self.scope, self.norm)

    @override
    def final_statistics(self, C_BTF: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        entropies = relative_entropies(self.score(C_BTF), lengths, self.scope, self.norm)
        return {"relative_weight_entropy": entropies.sum()}
