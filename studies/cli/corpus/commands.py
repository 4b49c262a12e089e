"""`ser corpus`: make the demo corpus or one in a real corpus's layout, and check what a corpus folder holds."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

DEMO_ROOT = Path("data/corpora/demo")
PICTURE_SUFFIXES = (".png", ".svg")

app = typer.Typer(
    help="Make synthetic corpora, and check what a corpus folder holds.",
    epilog="Example: ser corpus check --corpus emodb --root corpora/emodb",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("make-demo", epilog="Example: ser corpus make-demo --root data/corpora/demo")
def make_demo(
    root: Annotated[Path, typer.Option("--root", help="Folder to make; it must be new or empty.")] = DEMO_ROOT,
) -> None:
    """Make the demo corpus: 200 utterances of ten synthetic voices in four acted emotions.

    Scores on it say nothing about people. A corpus that already stands is left as it is.

    It takes seconds, and needs eSpeak NG: pip install 'ser-studies[demo]'.
    """
    from ser.corpora.synthetic.demo import make_demo as make

    with _progress("Speaking the demo corpus") as report:
        make(root, report)
    typer.echo(f"The demo corpus is in {root}. Look at it with: ser corpus check --corpus demo --root {root}")


@app.command(
    "make-layout",
    epilog="Example: ser corpus make-layout iemocap --table utterances.csv --root data/corpora/like-iemocap --decoys",
)
def make_layout(
    layout: Annotated[str, typer.Argument(help="iemocap or fau_aibo.")],
    table: Annotated[Path, typer.Option("--table", help="CSV file in UTF-8, one row an utterance; see above.")],
    root: Annotated[Path, typer.Option("--root", help="Folder to make; it must be new or empty.")],
    voice: Annotated[str, typer.Option(help="noise, or demo: transcripts spoken by eSpeak NG.")] = "noise",
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other samples.")] = 0,
    decoys: Annotated[
        bool, typer.Option("--decoys", help="Add what misleads readers of the real release (._* files, CRLF, ...).")
    ] = False,
) -> None:
    """Write a synthetic corpus in the layout of a licensed one, for tests and for trying at full scale.

    The table's header names its columns; an empty cell takes the default.

    \b
    id               as in the corpus: Ses01F_impro04_M000, Ohm_01_000_00
    label            its code: neu, hap, exc ... (iemocap), A E N P R (fau_aibo)
    duration_s       seconds; voice noise needs it, voice demo does not
    transcript       what is said; by default a made-up sentence
    words            words in the alignment; by default the transcript's
    aligned          yes or no; by default yes: it has an alignment
    voiced_phonemes  iemocap: voiced phones aligned; by default two a word
    valence, activation, dominance
                     iemocap: mean ratings; by default typical ones
    label_2cl        fau_aibo: NEG or IDL, for the file of two classes

    With voice demo the alignment is of what was spoken.

    An iemocap id such as Ses01F_impro04_MXX0 is a turn without audio.

    Scores on such a corpus say nothing about people, and its loader says that it was made.
    """  # noqa: D301 - \b is typer's mark of a paragraph that keeps its lines
    from ser.corpora.synthetic import write_synthetic_corpus as make

    with _progress("Writing utterances") as report:
        written = make(layout, table, root, voice, seed, decoys, report)
    typer.echo(
        f"{written} utterances are in {root}. Look at them with: ser corpus check --corpus {layout} --root {root}"
    )


@app.command("check", epilog="Example: ser corpus check --corpus emodb --root corpora/emodb --plot emodb.svg")
def check(
    corpus: Annotated[str, typer.Option("--corpus", help="Name of the corpus, such as emodb, iemocap or fau_aibo.")],
    root: Annotated[Path, typer.Option("--root", help="The corpus's folder.")],
    corpus_set: Annotated[list[str] | None, typer.Option(help="An option of the corpus, as name=value.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object in place of tables.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw classes and durations into this file, .png or .svg; one that exists is replaced."),
    ] = None,
) -> None:
    """Read a whole corpus, and show what it holds and what was left out.

    Classes are shown by session, site or part of a given split, else by speaker.

    Counts come with where they come from, skipped utterances with the reason.

    The last table says how many targets of each label strategy CTC would shorten.
    """
    from ser.corpora.loading import load_corpus
    from studies.cli.arguments import parse_key_values
    from studies.cli.corpus.tables import print_summary
    from tracking.analysis.corpus_summary import as_json as plain
    from tracking.analysis.corpus_summary import summarise

    if plot is not None:
        _check_picture_file(plot)
    with _progress("Reading audio") as report:
        opened = load_corpus(corpus, root, report, parse_key_values("--corpus-set", corpus_set or []))
    summary = summarise(opened)
    if as_json:
        typer.echo(json.dumps(plain(summary), indent=1))
    else:
        print_summary(summary)
    if plot is not None:
        from tracking.analysis.figures.corpus import draw_corpus

        draw_corpus(summary, plot)
        typer.echo(f"The picture is in {plot}", err=True)


def _check_picture_file(path: Path) -> None:
    """Refuses a file that no picture can be written to, before hours of audio are read."""
    from ser.errors import ConfigurationError

    if path.suffix.lower() not in PICTURE_SUFFIXES:
        known = " or ".join(PICTURE_SUFFIXES)
        raise ConfigurationError(f"--plot {path}: expected the name of a file that ends with {known}")
    if path.is_dir() or not path.parent.is_dir():
        raise ConfigurationError(f"--plot {path}: expected a file in a folder that exists")


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; yields what is to be called with done and total."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report
