"""Front end of the paper: log-mels."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from ser.corpora.corpus import Utterance
from ser.feature_settings import LogMelSettings
from ser.features.frontends.base import FrontEnd
from ser.features.logmel import frame_count, log_mel


class LogMelFrontEnd(FrontEnd):
    """Log-mels."""

    def __init__(self, settings: Sequence[LogMelSettings]) -> None:
        super().__init__(settings)
        (self._log_mels,) = settings

    @override
    def frame_count(self, samples: int) -> int:
        return frame_count(samples, self._log_mels)

    @override
    def compute(self, utterance: Utterance, samples: NDArray[np.float32]) -> tuple[NDArray[np.floating], ...]:
        return (log_mel(torch.from_numpy(samples), self._log_mels).numpy(),)
