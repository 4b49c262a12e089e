"""Registry of corpora by name."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ser.corpora import emodb
from ser.corpora.audformat_db import loader as audformat_db
from ser.corpora.audformat_db.loader import AudformatOptions
from ser.corpora.corpus import Annotations, Loader, NoOptions
from ser.corpora.fau_aibo import loader as fau_aibo
from ser.corpora.fau_aibo.loader import FauAiboOptions
from ser.corpora.iemocap import loader as iemocap
from ser.corpora.iemocap.classes import IemocapOptions
from ser.corpora.label_files import SYNTHETIC_MARKER
from ser.corpora.synthetic import demo
from ser.corpora.tabular import manifest
from ser.corpora.tabular.manifest import ManifestOptions
from ser.corpora.tabular.rows import RowOptions
from ser.errors import ConfigurationError, unknown_value_message
from ser.frozen_model import FrozenModel

LOADERS: Mapping[str, Loader[Any]] = {
    "demo": Loader(NoOptions, lambda root, options: demo.load(root)),
    "iemocap": Loader(IemocapOptions, iemocap.load),
    "fau_aibo": Loader(FauAiboOptions, fau_aibo.load),
    "emodb": Loader(NoOptions, lambda root, options: emodb.load(root)),
    "manifest": Loader(ManifestOptions, manifest.load),
    "audformat": Loader(AudformatOptions, audformat_db.load),
}
"""Loaders by the name of their corpus."""


def load_annotations(name: str, root: Path, options: Mapping[str, str] | None = None) -> Annotations:
    """Read a corpus's label files; no audio.

    A folder with a marker of synthetic speech is synthetic, whichever loader reads it.

    Args:
        name: Name of the corpus, one of `LOADERS`.
        root: Its folder.
        options: Options of that corpus as text, by name.

    Raises:
        ConfigurationError: There is no such corpus in the registry, or no such option or value.
        CorpusError: The folder does not hold that corpus.
    """
    if name not in LOADERS:
        raise ConfigurationError(unknown_value_message("corpus", name, LOADERS))
    loader = LOADERS[name]
    annotations = loader.load(root, _options(name, loader.options, options or {}))
    marker = next((name for name in (SYNTHETIC_MARKER, demo.MARKER) if (root / name).is_file()), None)
    if marker is None:
        return annotations
    note = f"synthetic speech, not recorded (according to {marker})"
    return replace(annotations, synthetic=True, notes=(note, *annotations.notes), warnings=())


def _options(corpus: str, kind: type[FrozenModel], values: Mapping[str, str]) -> FrozenModel:
    for option in values:
        if option not in kind.model_fields:
            valid = ", ".join(kind.model_fields) or "none"
            raise ConfigurationError(f"corpus {corpus} has no option '{option}'; valid options: {valid}")
    try:
        options = kind.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"corpus {corpus}, option {option}={first['input']!r}: {message}") from None
    if isinstance(options, RowOptions) and options.name != corpus and options.name in LOADERS:
        raise ConfigurationError(
            f"corpus {corpus}, option name={options.name!r}: that is another corpus; choose a different name"
        )
    return options
