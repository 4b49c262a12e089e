"""Interface of a front end: it turns an utterance's samples into frames."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ser.corpora.corpus import Utterance
from ser.errors import UtteranceError
from ser.feature_settings import FeatureSettings
from ser.features.memory import is_lack_of_memory
from ser.frozen_model import FrozenModel


class FrontEndChoice(FrozenModel):
    """Front end as a user chose it.

    Attributes:
        settings: Its settings.
        location: Folder of its weights or files, or id of a repository; None for a front end that needs neither.
    """

    settings: FeatureSettings
    location: str | None = None


class FrontEnd(ABC):
    """Computes frames of one front end, for several settings in one pass over the audio where it can.

    Args:
        settings: Settings that one pass serves; they have the same sample rate and the same number of frames.
    """

    def __init__(self, settings: Sequence[FeatureSettings]) -> None:
        self.settings = tuple(settings)

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the samples that `compute` expects, in hertz."""
        return self.settings[0].sample_rate_hz

    @abstractmethod
    def frame_count(self, samples: int) -> int:
        """Return the number of frames of an utterance with that many samples."""

    def load(self) -> None:  # noqa: B027 - most front ends have nothing to load
        """Load what `compute` needs, such as weights; called once, before any thread computes."""

    def check_unchanged(self) -> None:  # noqa: B027 - most front ends read nothing but audio
        """Refuse frames that were computed from weights which have changed meanwhile; called before they are stored.

        Raises:
            SerError: They have changed; the text says where.
        """

    @abstractmethod
    def compute(self, utterance: Utterance, samples: NDArray[np.float32]) -> tuple[NDArray[np.floating], ...]:
        """Compute the frames of one utterance; several threads call it at once.

        Args:
            utterance: The utterance.
            samples: Its samples, shape `(sample,)`, -1..1.

        Returns:
            For each of `settings`, in their order, frames of shape `(frame, width)`.

        Raises:
            SerError: The utterance has no frames; the text says why.
        """

    def compute_within_memory(
        self, utterance: Utterance, samples: NDArray[np.float32]
    ) -> tuple[NDArray[np.floating], ...]:
        """Compute the frames of one utterance as `compute` does, and name the utterance that lacked memory.

        Raises:
            SerError: The utterance has no frames, or is too long for the memory of this machine.
        """
        try:
            return self.compute(utterance, samples)
        except (MemoryError, RuntimeError) as error:
            if not is_lack_of_memory(error):
                raise
            duration_s = len(samples) / self.sample_rate_hz
            raise UtteranceError(
                utterance.path,
                utterance.id,
                f"lasts {duration_s:.0f} s, too long for {self.settings[0].source_label} in the memory of this "
                "machine; divide it",
            ) from error
