"""Corpora by name."""

from collections.abc import Mapping
from pathlib import Path

from ser.corpora import demo, emodb, iemocap
from ser.corpora.base import Annotations, Loader
from ser.errors import ConfigurationError, unknown_value

LOADERS: Mapping[str, Loader] = {"demo": demo.load, "iemocap": iemocap.load, "emodb": emodb.load}
"""Loaders by the name of their corpus."""


def load_annotations(name: str, root: Path) -> Annotations:
    """Reads a corpus's label files; no audio.

    Args:
        name: Name of the corpus, one of `LOADERS`.
        root: Its folder.

    Returns:
        The annotations.

    Raises:
        ConfigurationError: There is no such corpus in the registry.
        CorpusError: The folder does not hold that corpus.
    """
    if name not in LOADERS:
        raise ConfigurationError(unknown_value("corpus", name, LOADERS))
    return LOADERS[name](root)
