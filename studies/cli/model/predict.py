"""Body of `ser predict`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile
import typer

from ser.errors import AudioError, ConfigurationError, SerError
from ser.inference.description import ModelDescription, Situation
from ser.inference.frames import Recording
from ser.inference.model import EmotionModel
from ser.inference.timeline.segments import WindowSettings
from ser.inference.timeline.speech import SpeechDetector
from ser.inference.timeline.timeline import Timeline, make_timeline
from studies.cli.model.commands import PredictOptions, SpeakerSource
from studies.cli.model.expectations import describe_situation, warn_of_few_recordings
from studies.cli.model.output import check_output, print_rows
from studies.cli.terminal.progress import StudyDisplay, print_message
from studies.cli.terminal.text_output import printable
from studies.models.opening import open_model
from studies.predictions.page import write_page
from studies.predictions.rows import PredictionRow, prediction_rows, timeline_rows
from studies.storages.home import Home


def predict(options: PredictOptions) -> None:
    """Recognise emotions in audio files, and print them.

    Raises:
        ModelError: There is no model.
        AudioError: No file could be read.
        ConfigurationError: Options contradict each other.
    """
    windows = WindowSettings(options.window_s, options.step_s)
    _check_timeline_options(options)
    recordings = _recordings(options)
    check_output(options.format, options.output, [recording.name for recording in recordings])
    home = Home(options.home, tracking_uri=options.tracking)
    model = open_model(home, options.model, options.encoder, print_message)
    _print_situations(model.description, recordings, options.timeline)
    if options.timeline:
        timelines = _timelines(model, recordings, windows)
        files, rows = [timeline.name for timeline in timelines], timeline_rows(timelines)
    else:
        timelines, rows = [], _predict_whole(model, recordings)
        files = [row.file for row in rows]
    if not files:
        raise AudioError(options.audio[0], f"none of {len(recordings)} files could be read")
    print_rows(options, model.emotions, files, rows)
    if options.page is not None:
        write_page(options.page, timelines, model.description, windows)
        typer.echo(f"page: {options.page.absolute()}", err=True)


def _check_timeline_options(options: PredictOptions) -> None:
    if options.page is not None and not options.timeline:
        raise ConfigurationError("--page shows timelines: add --timeline")
    if options.page is not None and options.page.suffix.lower() not in (".html", ".htm"):
        # The shell may have put a recording there: --page *.wav.
        raise ConfigurationError(f"--page: expected a name that ends in .html, got {options.page}")
    if options.timeline and options.speaker_from is not SpeakerSource.NONE:
        raise ConfigurationError("--timeline knows no speaker, since a recording may have several: drop --speaker-from")
    if not options.timeline and (options.window_s, options.step_s) != (WindowSettings.window_s, WindowSettings.step_s):
        raise ConfigurationError("--window-s and --step-s are those of a timeline: add --timeline")


def _predict_whole(model: EmotionModel, recordings: Sequence[Recording]) -> list[PredictionRow]:
    with StudyDisplay() as display:
        predictions = []
        step = display.progress_bar("recognising emotions")
        for number, prediction in enumerate(model.predict(recordings), 1):
            predictions.append(prediction)
            step(number, len(recordings))
    for prediction in predictions:
        if prediction.error is not None:
            _print_skipped(prediction.error)
        elif model.uses_speakers and prediction.recording.speaker is not None and prediction.situation == "stranger":
            name = printable(prediction.recording.name)
            typer.secho(f"{name}: the only readable recording of its folder, so no speaker known", err=True)
    return prediction_rows(predictions)


def _timelines(model: EmotionModel, recordings: Sequence[Recording], windows: WindowSettings) -> list[Timeline]:
    """Make the timelines of all recordings that can be read."""
    detector = SpeechDetector()
    timelines = []
    with StudyDisplay() as display:
        step = display.progress_bar("recognising emotions, percent")
        for number, recording in enumerate(recordings):

            def tell(share: float, earlier: int = number) -> None:
                step(round(100 * (earlier + share)), 100 * len(recordings))

            try:
                path, rate_hz = Path(recording.name), model.front_end.sample_rate_hz
                timelines.append(make_timeline(path, model.predict, detector, windows, tell, rate_hz))
            except SerError as error:
                _print_skipped(str(error))
    return timelines


def _print_skipped(reason: str) -> None:
    typer.secho(f"skipped: {printable(reason)}", err=True)


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


def _print_situations(description: ModelDescription, recordings: Sequence[Recording], timeline: bool) -> None:
    """Say once in each situation what the model knows of speakers, and warn where that costs it much."""
    situations: dict[Situation, int] = Counter(
        "stranger" if recording.speaker is None else "speaker" for recording in recordings
    )
    for situation, count in situations.items():
        line, warns = describe_situation(description, situation)
        typer.secho(
            f"{count} recording{'s' * (count != 1)}: {line}", err=True, fg=typer.colors.YELLOW if warns else None
        )
        if situation == "speaker":
            counts = Counter(recording.speaker for recording in recordings if recording.speaker is not None)
            if warning := warn_of_few_recordings(description, counts):
                typer.secho(f"warning: {printable(warning)}", err=True, fg=typer.colors.YELLOW)
        # A timeline knows no speaker, whatever the folders.
        if warns and not timeline:
            best = f"{100 * description.expected_ua['speaker']:.1f}%"
            typer.secho(
                f"warning: with many recordings of each speaker in a folder of their own, --speaker-from folder is "
                f"expected to reach {best}",
                err=True,
            )


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """List audio files, each once, those of folders in the order of their names.

    Raises:
        AudioError: A folder has none.
    """
    suffixes = {f".{name.lower()}" for name in soundfile.available_formats()} | {".aif", ".mp3", ".oga", ".opus"}
    listed = set[Path]()
    for path in paths:
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
            if not files:
                raise AudioError(
                    path, "holds no audio file of a format that can be read, such as WAV, FLAC, OGG or MP3"
                )
        for file in files:
            # A speaker's recording that was named twice would count twice in the speaker's statistics.
            if (resolved := file.parent.resolve() / file.name) not in listed:
                listed.add(resolved)
                yield file
