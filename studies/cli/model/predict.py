"""Body of `ser predict`."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile
import typer
from rich.console import Console
from rich.table import Table

from ser.errors import AudioError, ModelError
from ser.inference import load_model
from ser.inference.frames import Recording
from ser.inference.model import EmotionModel, Prediction
from ser.inference.model_folder import DESCRIPTION
from studies.cli.model.commands import OutputFormat, PredictOptions, SpeakerSource
from studies.cli.model.expectations import describe_situation
from studies.cli.terminal.progress import StudyDisplay
from studies.cli.terminal.text_output import printable
from studies.storages.home import Home
from tracking.analysis.escaping import escape_csv


def predict(options: PredictOptions) -> None:
    """Hear audio files, and print what was heard.

    Raises:
        ModelError: There is no model.
        AudioError: No file could be read.
    """
    model = load_model(options.model or _newest_model(Home(options.home.expanduser())), options.encoder)
    by_folder = options.speaker_from is SpeakerSource.FOLDER
    recordings = [Recording(str(path), path, str(path.parent) if by_folder else None) for path in _files(options.audio)]
    recordings.sort(key=lambda recording: recording.speaker or "")
    line, warns = describe_situation(model.description, "speaker" if by_folder else "stranger")
    typer.secho(line, err=True, fg=typer.colors.YELLOW if warns else None)
    if warns:
        typer.secho("warning: put each speaker's recordings into a folder, and add --speaker-from folder", err=True)
    with StudyDisplay() as display:
        heard = []
        step = display.progress_bar("hearing")
        for number, prediction in enumerate(model.predict(recordings), 1):
            heard.append(prediction)
            step(number, len(recordings))
    for prediction in heard:
        if prediction.error is not None:
            typer.secho(f"skipped: {printable(prediction.error)}", err=True)
    read = [prediction for prediction in heard if prediction.error is None]
    if not read:
        raise AudioError(options.audio[0], f"none of {len(heard)} files could be read")
    _PRINTERS[options.format](model, read)


def _newest_model(home: Home) -> Path:
    models = sorted(home.models.glob(f"*/{DESCRIPTION}"), key=lambda path: path.stat().st_mtime)
    if not models:
        raise ModelError(f"{home.models}: there is no model; make one with: ser model make")
    return models[-1].parent


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """List audio files, those of folders in the order of their names."""
    suffixes = {f".{name.lower()}" for name in soundfile.available_formats()} | {".aif", ".mp3", ".oga", ".opus"}
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
        else:
            yield path


def _print_table(model: EmotionModel, predictions: Sequence[Prediction]) -> None:
    table = Table()
    for title in ("file", "emotion", *model.emotions, "entropy"):
        table.add_column(title, no_wrap=True, overflow="fold")
    for prediction in predictions:
        shares = [f"{100 * share:.0f}%" for share in prediction.probabilities.values()]
        name = printable(prediction.recording.name)
        table.add_row(name, prediction.emotion or "", *shares, f"{prediction.entropy:.2f}")
    Console().print(table, markup=False)


def _print_csv(model: EmotionModel, predictions: Sequence[Prediction]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["file", "emotion", *map(escape_csv, model.emotions), "entropy"])
    for prediction in predictions:
        shares = [f"{share:.6f}" for share in prediction.probabilities.values()]
        names = map(escape_csv, (prediction.recording.name, prediction.emotion or ""))
        writer.writerow([*names, *shares, f"{prediction.entropy:.4f}"])


def _print_json_lines(model: EmotionModel, predictions: Sequence[Prediction]) -> None:
    for prediction in predictions:
        best_first = sorted(prediction.probabilities.items(), key=lambda entry: -entry[1])
        scores = [{"label": label, "score": score} for label, score in best_first]
        typer.echo(json.dumps({"file": prediction.recording.name, "emotion": prediction.emotion, "scores": scores}))


_PRINTERS = {OutputFormat.TABLE: _print_table, OutputFormat.CSV: _print_csv, OutputFormat.JSONL: _print_json_lines}
