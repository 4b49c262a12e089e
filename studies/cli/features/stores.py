"""List and check the feature stores of a home."""

from pathlib import Path

import typer
from rich.table import Column, Table

from ser.errors import FeatureStoreError
from ser.features.builder import store_key
from ser.features.store import METADATA, check_store, read_metadata
from studies.cli.features.commands import FeaturesOptions
from studies.cli.terminal.console import Console
from studies.cli.terminal.progress import progress_bar
from studies.storages.home import Home

_MEBIBYTE = 2**20


def print_stores(options: FeaturesOptions) -> None:
    """Print one row per store, the builds that were interrupted, and the stores that are read no more."""
    folder = Home(options.home).features
    titles = ("front end", "corpus", "frames", "width", "size", "computed in", "digest")
    table = Table(*(Column(title, no_wrap=True) for title in titles), box=None, pad_edge=False)
    outdated = list[Path]()
    for path in _stores(folder):
        metadata = read_metadata(path)
        if path.name != store_key(metadata.corpus_digest, metadata.settings):
            outdated.append(path)
        size = sum(file.stat().st_size for file in path.iterdir()) / _MEBIBYTE
        table.add_row(
            metadata.settings.label,
            metadata.corpus,
            f"{metadata.frames:,}",
            str(metadata.width),
            f"{size:.1f} MiB",
            "–" if metadata.build_s is None else f"{metadata.build_s:.1f} s",
            metadata.content_digest[:8],
        )
    if table.row_count:
        Console().print(table)
    else:
        typer.echo(f"no feature stores in {folder}")
    for partial in sorted(folder.glob(".*.partial")):
        typer.echo(f"{partial}: interrupted; the same study or `ser features build` goes on with it")
    for path in outdated:
        typer.echo(f"{path}: frames of an earlier version, which no study reads and you may remove")


def check_stores(options: FeaturesOptions) -> None:
    """Print what is wrong with each store, then a summary.

    Raises:
        Exit: With code 1, where a store is damaged.
    """
    folder = Home(options.home).features
    stores, damaged = _stores(folder), 0
    if not stores:
        typer.echo(f"no feature stores in {folder}")
        return
    with progress_bar("Reading stores") as on_progress:
        for number, path in enumerate(stores, 1):
            try:
                check_store(path)
            except FeatureStoreError as error:
                damaged += 1
                typer.echo(str(error))
            on_progress(number, len(stores))
    typer.echo(f"{len(stores) - damaged} of {len(stores)} stores hold what was written")
    if damaged:
        raise typer.Exit(1)


def _stores(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"[!.]*/{METADATA}"))
