"""Build feature stores without a study, and export their frames."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer

from ser.corpora.corpus import Corpus
from ser.corpora.loading import load_corpus
from ser.errors import ConfigurationError
from ser.features.builder import build_stores
from ser.features.frontends.base import FrontEndChoice
from ser.features.frontends.choices import format_shift, parse_front_ends
from ser.features.frontends.files import frames_path
from ser.features.store import FeatureStore
from studies.cli.arguments import parse_key_values
from studies.cli.features.commands import BuildOptions
from studies.cli.terminal.progress import print_message, progress_bar
from studies.storages.home import Home


def build(options: BuildOptions) -> None:
    """Build the stores that are missing, print their folders, and export them where that is asked for.

    Raises:
        ConfigurationError: A folder that frames are exported to is not empty.
    """
    choices = parse_front_ends(options.features, options.download)
    exports = [None if options.export is None else options.export / choice.settings.label for choice in choices]
    for folder in exports:
        if folder is not None and folder.exists() and any(folder.iterdir()):
            raise ConfigurationError(f"--export {folder}: expected a new or an empty folder")
    with progress_bar("Reading audio") as on_progress:
        corpus_options = parse_key_values("--corpus-set", options.corpus_set or [])
        corpus = load_corpus(options.corpus, options.root, on_progress, corpus_options)
    stores = _build(corpus, choices, Home(options.home).features)
    for choice, path, folder in zip(choices, stores, exports, strict=True):
        typer.echo(f"{choice.settings.label}: {path}")
        if folder is not None:
            shift = format_shift(choice.settings.frame_shift_s)
            _export(corpus, FeatureStore.open(path), folder)
            typer.echo(f"{choice.settings.label}: exported to {folder}, read by files:{folder}@{shift}")


def _build(corpus: Corpus, choices: Sequence[FrontEndChoice], folder: Path) -> list[Path]:
    with progress_bar("Computing features") as on_progress:
        return build_stores(corpus, choices, folder.absolute(), on_progress, print_message)


def _export(corpus: Corpus, store: FeatureStore, folder: Path) -> None:
    """Write `ID.npy` for every utterance, as `ser.features.frontends.files` reads it."""
    with progress_bar("Exporting frames") as on_progress:
        for index, utterance in enumerate(corpus.utterances):
            path = frames_path(folder, utterance)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, store.frames(index))
            on_progress(index + 1, len(corpus.utterances))
