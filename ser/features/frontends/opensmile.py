"""Front end of openSMILE: low-level descriptors, frame by frame.

openSMILE is free for research and teaching only, by audEERING's licence: nothing else may need this module.
"""

import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ser.corpora.corpus import Utterance
from ser.errors import ConfigurationError, UtteranceError
from ser.feature_settings import OpenSmileSettings
from ser.features.frontends.base import FrontEnd


class OpenSmileFrontEnd(FrontEnd):
    """Low-level descriptors of a feature set of openSMILE.

    Raises:
        ConfigurationError: The package `opensmile` is not installed.
    """

    feature_level = "LowLevelDescriptors"
    """Name of openSMILE's level: descriptors of frames."""

    def __init__(self, settings: Sequence[OpenSmileSettings]) -> None:
        super().__init__(settings)
        (self._settings,) = settings
        # An extractor computes one signal at a time.
        self._local = threading.local()
        try:
            import opensmile  # noqa: F401
        except ImportError:
            raise ConfigurationError(
                "features opensmile need the package opensmile, which is free for research only; install it with: "
                "pip install 'ser-studies[opensmile]'"
            ) from None

    @override
    def frame_count(self, samples: int) -> int:
        return 1 + round(samples / self._settings.sample_rate_hz / self._settings.frame_shift_s)

    @override
    def compute(self, utterance: Utterance, samples: NDArray[np.float32]) -> tuple[NDArray[np.floating], ...]:
        with warnings.catch_warnings():
            # Said by the error below.
            warnings.filterwarnings("ignore", message="Segment too short")
            table = self._extractor().process_signal(samples, self._settings.sample_rate_hz)
        frames: NDArray[np.float32] = table.to_numpy(dtype=np.float32)
        if not np.isfinite(frames).all():
            duration_ms = 1000 * len(samples) / self._settings.sample_rate_hz
            raise UtteranceError(utterance.path, utterance.id, f"lasts {duration_ms:.0f} ms, too short for openSMILE")
        return (frames,)

    def _extractor(self) -> Any:
        if not hasattr(self._local, "extractor"):
            import opensmile

            self._local.extractor = opensmile.Smile(
                feature_set=opensmile.FeatureSet[self._settings.feature_set],
                feature_level=opensmile.FeatureLevel[self.feature_level],
            )
        return self._local.extractor
