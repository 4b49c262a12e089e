"""Corpus with audio, of which tests make stores."""

from pathlib import Path

import pytest

from ser.corpora.corpus import Corpus
from tests.support.toy_corpus import write_corpus


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    folder = tmp_path / "audio"
    folder.mkdir()
    return write_corpus(folder)
