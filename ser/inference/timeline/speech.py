"""Voice activity, found by Silero VAD: the package brings its model, and nothing is downloaded."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ser.errors import ConfigurationError

SAMPLE_RATE_HZ = 16_000
FRAME_SAMPLES = 512
"""Samples of which a probability of speech is computed."""

BLOCK_S = 60 * 0.992
"""Duration of a block: 1,860 whole frames."""

MIN_PAUSE_S = 0.2
"""Shortest pause that ends a stretch of speech. Utterances joined without a pause have about as much between them."""

MIN_SPEECH_S = 0.25
"""Shortest stretch of speech."""

_LEAD_FRAMES = 31
"""Frames of the block before, about a second, that put the network of the next block in its state."""


@dataclass(frozen=True)
class Stretch:
    """Stretch of speech between two pauses.

    Attributes:
        start_s: Its start in seconds.
        end_s: Its end in seconds.
    """

    start_s: float
    end_s: float


class SpeechDetector:
    """Detector of speech.

    Raises:
        ConfigurationError: Silero VAD is not installed; the text says how to install it.
    """

    def __init__(self) -> None:
        threads = torch.get_num_threads()
        try:
            from silero_vad import get_speech_timestamps_from_probs, load_silero_vad

            self._network: Any = load_silero_vad(sequence=True)
        except ImportError as error:
            raise ConfigurationError(
                f"timelines need the packages silero-vad and onnxruntime ({error}); install them with: "
                "pip install 'ser-studies[timeline]'"
            ) from None
        finally:
            # Its import sets one thread for the whole process.
            torch.set_num_threads(threads)
        self._find: Any = get_speech_timestamps_from_probs

    def find_stretches(self, blocks: Iterable[NDArray[np.float32]]) -> list[Stretch]:
        """Find the stretches of speech of a recording.

        Args:
            blocks: Its samples at 16 kHz in blocks, each but the last of whole frames.
        """
        probabilities, samples = [np.empty(0, np.float32)], 0
        lead = np.empty(0, np.float32)
        for block in blocks:
            heard = self._network.audio_forward(np.concatenate((lead, block)))
            probabilities.append(heard[len(lead) // FRAME_SAMPLES :])
            samples += len(block)
            lead = block[-_LEAD_FRAMES * FRAME_SAMPLES :]
        found = self._find(
            np.concatenate(probabilities).tolist(),
            min_speech_duration_ms=1000 * MIN_SPEECH_S,
            min_silence_duration_ms=1000 * MIN_PAUSE_S,
            audio_length_samples=samples,
        )
        return [Stretch(part["start"] / SAMPLE_RATE_HZ, part["end"] / SAMPLE_RATE_HZ) for part in found]
