"""Body of `ser predict`."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ser.errors import AudioError
from ser.inference.description import ModelDescription, Situation
from ser.inference.frames import Recording
from ser.inference.model import EmotionModel, Prediction
from studies.cli.model.commands import OutputFormat, PredictOptions, SpeakerSource
from studies.cli.model.expectations import describe_situation
from studies.cli.terminal.progress import StudyDisplay, print_message
from studies.cli.terminal.text_output import printable
from studies.models.opening import open_model
from studies.storages.home import Home
from tracking.analysis.escaping import escape_csv


def predict(options: PredictOptions) -> None:
    """Recognise emotions in audio files, and print them.

    Raises:
        ModelError: There is no model.
        AudioError: No file could be read.
    """
    home = Home(options.home.expanduser(), tracking_uri=options.tracking)
    model = open_model(home, options.model, options.encoder, print_message)
    recordings = _recordings(options)
    _print_situations(model.description, recordings)
    with StudyDisplay() as display:
        predictions = []
        step = display.progress_bar("recognising emotions")
        for number, prediction in enumerate(model.predict(recordings), 1):
            predictions.append(prediction)
            step(number, len(recordings))
    for prediction in predictions:
        if prediction.error is not None:
            typer.secho(f"skipped: {printable(prediction.error)}", err=True)
    read = [prediction for prediction in predictions if prediction.error is None]
    if not read:
        raise AudioError(options.audio[0], f"none of {len(predictions)} files could be read")
    _PRINTERS[options.format](model, read)


def _recordings(options: PredictOptions) -> list[Recording]:
    """List the recordings, those of one speaker together; the only one in a folder has no speaker.

    The statistics of a single recording tell its content from its speaker less well than those of other speakers do.
    """
    paths = list(_files(options.audio))
    counts = Counter(path.parent for path in paths)
    by_folder = options.speaker_from is SpeakerSource.FOLDER
    recordings = [
        Recording(str(path), path, str(path.parent) if by_folder and counts[path.parent] > 1 else None)
        for path in paths
    ]
    return sorted(recordings, key=lambda recording: recording.speaker or "")


def _print_situations(description: ModelDescription, recordings: Sequence[Recording]) -> None:
    """Say once in each situation what the model knows of speakers, and warn where that costs it much."""
    situations: dict[Situation, int] = Counter(
        "stranger" if recording.speaker is None else "speaker" for recording in recordings
    )
    for situation, count in situations.items():
        line, warns = describe_situation(description, situation)
        typer.secho(f"{count} recordings, {line}", err=True, fg=typer.colors.YELLOW if warns else None)
        if warns:
            best = f"{100 * description.expected_ua['speaker']:.1f}%"
            typer.secho(
                f"warning: with many recordings of each speaker in a folder of their own, --speaker-from folder is "
                f"expected to reach {best}",
                err=True,
            )


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """List audio files, those of folders in the order of their names."""
    suffixes = {f".{name.lower()}" for name in soundfile.available_formats()} | {".aif", ".mp3", ".oga", ".opus"}
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
        else:
            yield path


def _print_table(model: EmotionModel, predictions: Sequence[Prediction]) -> None:
    """Print the two most probable emotions; the other formats have all of them."""
    table = Table("file", box=SIMPLE_HEAD)
    table.columns[0].overflow = "fold"
    for title in ("emotion", "p", "second", "p", "entropy"):
        table.add_column(title, no_wrap=True, justify="right" if title in ("p", "entropy") else "left")
    for prediction in predictions:
        (first, share), (second, second_share) = _best_first(prediction)[:2]
        shares = [f"{100 * share:.0f}%", f"{100 * second_share:.0f}%"]
        name = printable(prediction.recording.name)
        table.add_row(name, first, shares[0], second, shares[1], f"{prediction.entropy:.2f}")
    Console().print(table, markup=False)


def _best_first(prediction: Prediction) -> list[tuple[str, float]]:
    return sorted(prediction.probabilities.items(), key=lambda entry: -entry[1])


def _print_csv(model: EmotionModel, predictions: Sequence[Prediction]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["file", "emotion", *map(escape_csv, model.emotions), "entropy"])
    for prediction in predictions:
        shares = [f"{share:.6f}" for share in prediction.probabilities.values()]
        names = map(escape_csv, (prediction.recording.name, prediction.emotion or ""))
        writer.writerow([*names, *shares, f"{prediction.entropy:.4f}"])


def _print_json_lines(model: EmotionModel, predictions: Sequence[Prediction]) -> None:
    for prediction in predictions:
        scores = [{"label": label, "score": score} for label, score in _best_first(prediction)]
        values = {"file": prediction.recording.name, "emotion": prediction.emotion, "entropy": prediction.entropy}
        typer.echo(json.dumps(values | {"scores": scores}))


_PRINTERS = {OutputFormat.TABLE: _print_table, OutputFormat.CSV: _print_csv, OutputFormat.JSONL: _print_json_lines}
