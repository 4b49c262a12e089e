"""Synthetic corpora: the demo corpus, and layouts of licensed corpora for tests at full scale."""

from ser.corpora.synthetic.maker import LAYOUTS, write_synthetic_corpus
from ser.corpora.synthetic.voices import VOICE_NAMES

__all__ = ["LAYOUTS", "VOICE_NAMES", "write_synthetic_corpus"]
