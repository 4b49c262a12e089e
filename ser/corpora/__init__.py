"""Corpora by name: their label files, and their audio opened once."""

from ser.corpora.base import Annotations, Corpus, Loader, Skipped, Utterance
from ser.corpora.opening import open_corpus
from ser.corpora.registry import LOADERS, load_annotations

__all__ = ["LOADERS", "Annotations", "Corpus", "Loader", "Skipped", "Utterance", "load_annotations", "open_corpus"]
