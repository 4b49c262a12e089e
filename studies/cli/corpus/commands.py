"""Options and help of `ser corpus`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from studies.cli.lazy_command import lazy_command
from studies.cli.options import CorpusSet

NewRoot = Annotated[Path, typer.Option("--root", help="Folder to make; it must be new or empty.")]

app = typer.Typer(
    help="Make synthetic corpora, and check the contents of a corpus folder.",
    epilog="Example: ser corpus check --corpus emodb --root corpora/emodb",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """Options of `ser corpus make-demo`."""

    root: NewRoot = Path("data/corpora/demo")


@app.command("make-demo", epilog="Example: ser corpus make-demo --root data/corpora/demo")
@lazy_command("studies.cli.corpus.synthesis:make_demo")
def make_demo(options: DemoOptions) -> None:
    """Make the demo corpus: 200 utterances of ten synthetic voices in four acted emotions.

    Scores on it say nothing about people. An existing demo corpus is left unchanged.

    It takes seconds, and needs eSpeak NG: pip install 'ser-studies[demo]'.
    """


@dataclass(frozen=True, kw_only=True)
class LayoutOptions:
    """Options of `ser corpus make-layout`."""

    layout: Annotated[str, typer.Argument(help="iemocap or fau_aibo.")]
    table: Annotated[Path, typer.Option(help="CSV file in UTF-8, one row per utterance; see above.")]
    root: NewRoot
    voice: Annotated[str, typer.Option(help="noise, or demo: transcripts spoken by eSpeak NG.")] = "noise"
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other samples.")] = 0
    decoys: Annotated[
        bool, typer.Option("--decoys", help="Add what misleads readers of the real release (._* files, CRLF, ...).")
    ] = False


@app.command(
    "make-layout",
    epilog="Example: ser corpus make-layout iemocap --table utterances.csv --root data/corpora/like-iemocap --decoys",
)
@lazy_command("studies.cli.corpus.synthesis:make_layout")
def make_layout(options: LayoutOptions) -> None:
    """Write a synthetic corpus in the layout of a licensed one, for tests and for trying at full scale.

    The table's header names its columns; an empty cell takes the default.

    \b
    id               as in the corpus: Ses01F_impro04_M000, Ohm_01_000_00
    label            its code: neu, hap, exc ... (iemocap), A E N P R (fau_aibo)
    duration_s       seconds; voice noise needs it, voice demo does not
    transcript       what is said; by default an invented sentence
    words            words in the alignment; by default the transcript's
    aligned          yes or no: has an alignment; by default yes
    voiced_phonemes  iemocap: voiced phones aligned; by default two per word
    valence, activation, dominance
                     iemocap: mean ratings; by default typical ones
    label_2cl        fau_aibo: NEG or IDL, for the file of two classes

    With voice demo the alignment is of what was spoken.

    An iemocap id such as Ses01F_impro04_MXX0 is a turn without audio.

    Scores on such a corpus say nothing about people, and its loader marks it as synthetic.
    """  # noqa: D301 - \b is typer's mark of a paragraph that keeps its lines


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """Options of `ser corpus check`."""

    corpus: Annotated[str, typer.Option(help="Name of the corpus, such as emodb, iemocap or fau_aibo.")]
    root: Annotated[Path, typer.Option(help="The corpus's folder.")]
    corpus_set: CorpusSet = None
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw classes and durations into this file, .png or .svg; an existing one is replaced."),
    ] = None


@app.command("check", epilog="Example: ser corpus check --corpus emodb --root corpora/emodb --plot emodb.svg")
@lazy_command("studies.cli.corpus.check:check")
def check(options: CheckOptions) -> None:
    """Read a whole corpus, and show its contents and the skipped utterances.

    Classes are shown by session, site or subset of a predefined split, else by speaker.

    Counts come with their sources, skipped utterances with the reason.

    The last table shows how many targets of each label strategy CTC would shorten.
    """
