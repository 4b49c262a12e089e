"""Writes synthetic corpora in the layouts of licensed ones, for tests and for trying at full scale."""

from ser.corpora.synthetic.maker import LAYOUTS, write_synthetic_corpus
from ser.corpora.synthetic.voices import VOICE_NAMES

__all__ = ["LAYOUTS", "VOICE_NAMES", "write_synthetic_corpus"]
