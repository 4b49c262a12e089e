"""Writes audio of synthetic corpora."""

import io
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ser.corpora.synthetic.demo_alignment import SAMPLE_RATE_HZ


def write_wav(path: Path, samples: NDArray[np.int16]) -> None:
    """Writes 16-bit samples at 16 kHz, shape `(sample,)`, as a WAV file.

    It is encoded in memory: libsndfile writes a file in many small steps, which for thousands of
    short files takes ten times as long.
    """
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    path.write_bytes(encoded.getbuffer())
