"""Output of `ser predict`: a table for readers, or a format that other programs read."""

import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ser.corpora.audio_blocks import read_duration_s
from ser.errors import ConfigurationError
from ser.files import atomic_write
from studies.cli.model.commands import OutputFormat, PredictOptions
from studies.cli.terminal.text_output import printable
from studies.predictions.rows import PredictionRow
from studies.predictions.text_formats import write_audformat, write_csv, write_json_lines
from studies.predictions.textgrid import text_grid

_WRITERS = {
    OutputFormat.CSV: write_csv,
    OutputFormat.JSONL: write_json_lines,
    OutputFormat.AUDFORMAT: write_audformat,
}


def check_output(output_format: OutputFormat, folder: Path | None, files: Sequence[str]) -> None:
    """Refuse an output that cannot hold the predictions, before anything is computed.

    Raises:
        ConfigurationError: The text says why, and what to do.
    """
    if folder is not None and output_format is not OutputFormat.TEXTGRID:
        raise ConfigurationError("--output is the folder for TextGrids: add --format textgrid")
    if output_format is not OutputFormat.TEXTGRID:
        return
    if folder is None:
        if len(files) > 1:
            raise ConfigurationError(
                f"a TextGrid holds one recording, and there are {len(files)}: name a folder for them by --output"
            )
        return
    sources: dict[Path, str] = {}
    for file in files:
        path = _text_grid_path(folder, file)
        if path in sources:
            raise ConfigurationError(
                f"{sources[path]} and {file} would both be written to {path}; predict one at a time"
            )
        if path.exists():
            raise ConfigurationError(f"{path}: exists already; name another folder by --output")
        sources[path] = file


def print_rows(
    options: PredictOptions, emotions: Sequence[str], files: Sequence[str], rows: Sequence[PredictionRow]
) -> None:
    """Print predictions in the format of the options, or write TextGrids.

    Args:
        options: Options of the command.
        emotions: Emotions of the model, in the order of its classes.
        files: Recordings that could be read; one without speech has no row in a timeline.
        rows: Predictions.

    Raises:
        AudioError: A recording has gone since it was read.
    """
    if options.format is OutputFormat.TABLE:
        _print_tables(files, rows, options.timeline)
    elif options.format is OutputFormat.TEXTGRID:
        _write_text_grids(files, rows, options.output)
    else:
        _WRITERS[options.format](emotions, rows, options.timeline, sys.stdout)


def _print_tables(files: Sequence[str], rows: Sequence[PredictionRow], segments: bool) -> None:
    """Print the two most probable emotions; the other formats have all of them. A timeline is a table of its own."""
    if not segments:
        Console().print(_table(rows, "file"), markup=False)
        return
    for file in files:
        typer.echo(printable(file))
        rows_of_file = [row for row in rows if row.file == file]
        if rows_of_file:
            Console().print(_table(rows_of_file, "start", "end"), markup=False)
        else:
            typer.echo("  no speech")


def _table(rows: Sequence[PredictionRow], *first: str) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for title in first:
        table.add_column(title, overflow="fold", justify="left" if title == "file" else "right")
    for title in ("emotion", "p", "second", "p", "entropy"):
        table.add_column(title, no_wrap=True, justify="left" if title in ("emotion", "second") else "right")
    for row in rows:
        (emotion, share), (second, second_share) = row.best_first[:2]
        name = [printable(row.file)] if row.start_s is None else [_clock(row.start_s), _clock(row.end_s or 0.0)]
        shares = [f"{100 * share:.0f}%", f"{100 * second_share:.0f}%"]
        table.add_row(*name, emotion, shares[0], second, shares[1], f"{row.entropy:.2f}")
    return table


def _clock(seconds: float) -> str:
    """Write a time as minutes and seconds.

    Examples:
        >>> _clock(754.26)
        '12:34.3'
    """
    minutes, tenths = divmod(round(10 * seconds), 600)
    return f"{minutes}:{tenths // 10:02}.{tenths % 10}"


def _write_text_grids(files: Sequence[str], rows: Sequence[PredictionRow], folder: Path | None) -> None:
    by_file: dict[str, list[PredictionRow]] = {file: [] for file in files}
    for row in rows:
        by_file[row.file].append(row)
    for file, rows_of_file in by_file.items():
        text = text_grid(rows_of_file, read_duration_s(Path(file)))
        if folder is None:
            typer.echo(text, nl=False)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            path = _text_grid_path(folder, file)
            atomic_write(path, text)
            typer.echo(f"TextGrid: {path}", err=True)


def _text_grid_path(folder: Path, file: str) -> Path:
    return folder / f"{Path(file).stem}.TextGrid"
