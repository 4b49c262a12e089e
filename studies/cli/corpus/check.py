"""Read a corpus, and prints or draws its summary."""

import json
from pathlib import Path

import typer

from ser.corpora.loading import load_corpus
from ser.errors import ConfigurationError
from studies.cli.arguments import parse_key_values
from studies.cli.corpus.commands import CheckOptions
from studies.cli.corpus.tables import print_summary
from studies.cli.terminal.progress import progress_bar
from tracking.analysis.corpus_summary import as_json, summarise
from tracking.analysis.figures.corpus import save_corpus_figure

FIGURE_SUFFIXES = (".png", ".svg")


def check(options: CheckOptions) -> None:
    """Print a corpus's summary as tables or as JSON, and draw it where that is asked for.

    Raises:
        ConfigurationError: The figure cannot be written to the file.
    """
    if options.plot is not None:
        _check_figure_file(options.plot)
    with progress_bar("Reading audio") as on_progress:
        corpus_options = parse_key_values("--corpus-set", options.corpus_set or [])
        corpus = load_corpus(options.corpus, options.root, on_progress, corpus_options)
    summary = summarise(corpus)
    if options.as_json:
        typer.echo(json.dumps(as_json(summary), indent=1))
    else:
        print_summary(summary)
    if options.plot is not None:
        save_corpus_figure(summary, options.plot)
        typer.echo(f"The figure is in {options.plot}", err=True)


def _check_figure_file(path: Path) -> None:
    """Refuse a file that no figure can be written to, before hours of audio are read."""
    if path.suffix.lower() not in FIGURE_SUFFIXES:
        suffixes = " or ".join(FIGURE_SUFFIXES)
        raise ConfigurationError(f"--plot {path}: the file's name must end with {suffixes}")
    if path.is_dir() or not path.parent.is_dir():
        raise ConfigurationError(f"--plot {path}: not a file in an existing folder")
