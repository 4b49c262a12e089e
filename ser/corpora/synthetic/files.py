"""Files and folders of synthetic corpora."""

import io
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ser.corpora.synthetic.demo_alignment import SAMPLE_RATE_HZ


def write_wav(path: Path, samples: NDArray[np.int16]) -> None:
    """Write 16-bit samples at 16 kHz, shape `(sample,)`, as a WAV file.

    It is encoded in memory: libsndfile writes a file in many small steps, which for thousands of
    short files takes ten times as long.
    """
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    path.write_bytes(encoded.getbuffer())


_CONTENT = b"\0\5\x16\7\0\2\0\0Mac OS X        "


def write_macos_metadata_file(path: Path) -> None:
    """Write the metadata file `._name` that macOS puts beside a file; loaders leave it out."""
    path.with_name(f"._{path.name}").write_bytes(_CONTENT)


@contextmanager
def atomic_folder(root: Path) -> Iterator[Path]:
    """Provide a draft folder beside a folder, to be renamed when complete.

    Args:
        root: The final folder; its parents are made.

    Yields:
        A path that does not exist yet; what is left of it at the end is removed.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    draft = root.parent / f".{root.name}-{uuid.uuid4().hex}"
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
