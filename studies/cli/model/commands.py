"""Options and help of `ser model` and `ser predict`."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from studies.cli.lazy_command import lazy_command
from studies.cli.options import CORPORA, CorpusSet, HomeOptions

app = typer.Typer(
    help="Make a model of the variant that validation chose.",
    epilog="Example: ser model make",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ModelArgument = Annotated[
    str | None,
    typer.Argument(metavar="FOLDER|models:/NAME@champion", help="The model; without it the newest one."),
]
Encoder = Annotated[Path | None, typer.Option(help="Folder of the model's pretrained encoder, where it has moved.")]


class TrainingSpeakers(StrEnum):
    """Speakers that the networks of a model are trained on."""

    FOLDS = "folds"
    ALL = "all"


@dataclass(frozen=True, kw_only=True)
class MakeOptions(HomeOptions):
    """Options of `ser model make`."""

    study: Annotated[str | None, typer.Option(help="Name of the study; the newest without it.")] = None
    variant: Annotated[
        str | None, typer.Option(help="Name of another variant, such as 'none · words', or a part of it.")
    ] = None
    root: Annotated[Path | None, typer.Option(help="Folder of the corpus, where it has moved since the study.")] = None
    training: Annotated[
        TrainingSpeakers,
        typer.Option("--from", help="An ensemble of the trained folds, or a new training on all speakers."),
    ] = TrainingSpeakers.FOLDS
    bundle: Annotated[
        bool, typer.Option("--bundle", help="Copy the pretrained encoder into the folder, for machines without it.")
    ] = False
    output: Annotated[
        Path | None, typer.Option(help="Folder of the model; HOME/models/STUDY without it, with --from all STUDY-all.")
    ] = None


@app.command("make", epilog="Example: ser model make --study demo-quick-none+quantum-log_mel_prosody-1a2b3c4d")
@lazy_command("studies.cli.model.make:make")
def make(options: MakeOptions) -> None:
    """Make a model of the variant with the highest mean validation UA.

    It is an ensemble of its folds; with --from all one network for each seed, trained on all speakers for the median
    of the epochs that the folds' validation selected. Its expected UA is that of the folds on their test speakers, by
    what is known of a speaker. It is a folder of weights (safetensors), a description (JSON) and a model card, and is
    registered in MLflow with the alias champion.
    """


@dataclass(frozen=True, kw_only=True)
class RegisterOptions(HomeOptions):
    """Options of `ser model register`."""

    folder: Annotated[Path | None, typer.Argument(help="Folder of the model; without it the newest one.")] = None


@app.command(
    "register", epilog="Example: ser model register data/models/demo-quick-none+quantum-log_mel_prosody-1a2b3c4d"
)
@lazy_command("studies.cli.model.register:register_folder")
def register(options: RegisterOptions) -> None:
    """Register a model in MLflow, as `ser model make` does; a model that has a version gets no second one.

    Its newest version has the alias champion.
    """


@dataclass(frozen=True, kw_only=True)
class ExportOptions(HomeOptions):
    """Options of `ser model export`."""

    model: ModelArgument = None
    onnx: Annotated[Path, typer.Option(metavar="FILE", help="ONNX file to write; it must not exist.")]
    encoder: Encoder = None


@app.command("export", epilog="Example: ser model export --onnx emotions.onnx")
@lazy_command("studies.cli.model.export:export")
def export(options: ExportOptions) -> None:
    """Export a model as one ONNX file: from samples of any length to probabilities of emotions.

    It contains log-mels and most pretrained encoders; with another front end it begins at its frames. It hears each
    recording as that of a stranger. It is compared with the model on ten lengths, and not written where a probability
    differs by more than 1e-5, with an encoder 1e-4.
    """


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(HomeOptions):
    """Options of `ser model evaluate`."""

    model: ModelArgument = None
    corpus: Annotated[str, typer.Option(help=f"Corpus to evaluate on: {CORPORA}.")]
    root: Annotated[Path, typer.Option(help="Folder of the corpus.")]
    corpus_set: CorpusSet = None
    map: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CORPUS=MODEL",
            help="Class of the corpus and the model's class that it stands for, such as happy=happiness; may be "
            "repeated. Classes of the same name need none.",
        ),
    ] = None
    encoder: Encoder = None


@app.command("evaluate", epilog="Example: ser model evaluate --corpus emodb --root /corpora/emodb")
@lazy_command("studies.cli.model.evaluate:evaluate")
def evaluate(options: EvaluateOptions) -> None:
    """Score a model on a corpus: UA and WA with intervals over speakers, and the confusion matrix.

    It decides among the classes that both have; others are left out by name. A model is never scored on speakers that
    it was trained on: on its own corpus each speaker is decided by the folds that tested on it. The scores are saved in
    the home and logged to MLflow; ser report --cross shows all of them.
    """


class OutputFormat(StrEnum):
    """Format of predictions."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"
    AUDFORMAT = "audformat"
    TEXTGRID = "textgrid"


class SpeakerSource(StrEnum):
    """Where the speaker of a recording is taken from."""

    NONE = "none"
    FOLDER = "folder"


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Options of commands that use a model and no study."""

    model: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|models:/NAME@champion", help="Folder or name of the model; without it the newest one."
        ),
    ] = None
    encoder: Encoder = None
    home: Annotated[Path, typer.Option(help="Folder of results and models.", envvar="SER_HOME")] = Path("data")
    tracking: Annotated[
        str | None,
        typer.Option(help="MLflow tracking server of a model models:/NAME; SQLite without it.", envvar="SER_TRACKING"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class PredictOptions(ModelOptions):
    """Options of `ser predict`."""

    audio: Annotated[list[Path], typer.Argument(metavar="AUDIO|FOLDER...", help="Audio files, or folders of them.")]
    speaker_from: Annotated[
        SpeakerSource,
        typer.Option(help="What tells who speaks: nothing, or the folders, one for each speaker."),
    ] = SpeakerSource.NONE
    format: Annotated[OutputFormat, typer.Option(help="Format of the predictions.")] = OutputFormat.TABLE
    output: Annotated[
        Path | None, typer.Option(help="Folder for TextGrids, one for each recording; several recordings need it.")
    ] = None
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Find speech in long recordings, and recognise the emotion of each part.")
    ] = False
    window_s: Annotated[
        float, typer.Option("--window-s", "--window", help="Seconds of speech per decision of a timeline.")
    ] = 3.0
    step_s: Annotated[
        float, typer.Option("--step-s", "--step", help="Seconds from one decision of a timeline to the next.")
    ] = 1.0
    page: Annotated[
        Path | None, typer.Option(help="HTML page to write, with waveforms, timelines and players; needs --timeline.")
    ] = None


@lazy_command("studies.cli.model.predict:predict")
def predict(options: PredictOptions) -> None:
    """Recognise emotions in audio files of any format and rate: emotion, probability of each emotion, entropy.

    A file that cannot be read is reported and skipped. Predictions go to standard output, all else to standard error.
    With --timeline a recording may last a day: there is one line for each part of it that has one emotion.
    """


@dataclass(frozen=True, kw_only=True)
class ServeOptions(ModelOptions):
    """Options of `ser serve`."""

    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 for a free one.", min=0, max=65535)] = 8090
    max_upload_mb: Annotated[float, typer.Option(help="Largest upload in megabytes.", min=0.1)] = 64
    max_duration_s: Annotated[float, typer.Option(help="Longest recording in seconds.", min=1, max=86_400)] = 3600
    max_requests: Annotated[int, typer.Option(help="Most uploads worked on at once; others get status 429.", min=1)] = (
        16
    )


@lazy_command("studies.cli.model.serve:serve")
def serve(options: ServeOptions) -> None:
    """Serve a model on 127.0.0.1: a page to drop or record audio, and an interface for programs. Stop it with Ctrl-C.

    POST /predict takes a form with an audio file in field 'file', and answers [{"label": ..., "score": ...}]. GET
    /health tells the state, and /openapi.json describes all. Requests for other hosts and of other pages are refused.
    """
