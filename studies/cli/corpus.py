"""`ser corpus`: make the demo corpus or one in a real corpus's layout, and check what a corpus folder holds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ser.corpora import Corpus

DEMO_ROOT = Path("data/corpora/demo")
STACKS = (1, 2, 3)

app = typer.Typer(
    help="Make synthetic corpora, and check what a corpus folder holds.",
    epilog="Example: ser corpus check --corpus emodb --root corpora/emodb",
    no_args_is_help=True,
)


@app.command("make-demo", epilog="Example: ser corpus make-demo --root data/corpora/demo")
def make_demo(
    root: Annotated[Path, typer.Option("--root", help="Folder to make; it must be new or empty.")] = DEMO_ROOT,
) -> None:
    """Make the demo corpus: 200 utterances of ten synthetic voices in four acted emotions.

    Scores on it say nothing about people. A corpus that already stands is left as it is.

    It takes seconds, and needs eSpeak NG: pip install 'ser-studies[demo]'.
    """
    from ser.corpora.demo import make_demo as make

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
    from ser.corpora.layouts import make_layout as make

    with _progress("Writing utterances") as report:
        written = make(layout, table, root, voice, seed, decoys, report)
    typer.echo(
        f"{written} utterances are in {root}. Look at them with: ser corpus check --corpus {layout} --root {root}"
    )


@app.command("check", epilog="Example: ser corpus check --corpus emodb --root data/corpora/emodb")
def check(
    corpus: Annotated[str, typer.Option("--corpus", help="Name of the corpus, such as emodb, iemocap or fau_aibo.")],
    root: Annotated[Path, typer.Option("--root", help="The corpus's folder.")],
    corpus_set: Annotated[list[str] | None, typer.Option(help="An option of the corpus, as name=value.")] = None,
) -> None:
    """Read a whole corpus, and show what it holds and what was left out.

    Counts come with where they come from, skipped utterances with the reason.

    The last table says how many targets of each label strategy CTC would shorten.
    """
    from rich.console import Console

    from ser.corpora import open_corpus
    from studies.cli.pairs import named_values

    with _progress("Reading audio") as report:
        opened = open_corpus(corpus, root, report, named_values("--corpus-set", corpus_set or []))
    console = Console()
    console.print(_class_table(opened))
    console.print(_target_table(opened))
    _print_facts(opened, console)


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


def _table(title: str, show_footer: bool = False) -> "Table":
    """An empty table, narrow enough for seven classes on 80 columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(
        title=title,
        title_justify="left",
        show_footer=show_footer,
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )


def _class_table(corpus: "Corpus") -> "Table":
    """Utterances by session or speaker and by emotion."""
    from studies.corpus_summary import group_rows

    rows = group_rows(corpus)
    table = _table(f"{corpus.name}: utterances", show_footer=True)
    totals = [sum(row.emotions[place] for row in rows) for place in range(len(corpus.emotions))]
    table.add_column("speaker" if rows[0].name in corpus.speakers else "session", footer="all")
    for emotion, total in zip(corpus.emotions, totals, strict=True):
        table.add_column(emotion, footer=str(total), justify="right")
    table.add_column("all", footer=str(sum(totals)), justify="right")
    table.add_column("min", footer=f"{sum(row.duration_s for row in rows) / 60:.1f}", justify="right")
    for row in rows:
        table.add_row(row.name, *map(str, row.emotions), str(sum(row.emotions)), f"{row.duration_s / 60:.1f}")
    return table


def _target_table(corpus: "Corpus") -> "Table":
    """Targets that CTC has too few frames for, by label strategy and frame length."""
    from ser.config import FeatureSettings
    from ser.labels import LARGEST_CAPPED_PERCENT, not_comparable
    from studies.corpus_summary import capped_targets

    settings = FeatureSettings()
    table = _table("Targets shortened for want of frames")
    table.caption = f"* more than {LARGEST_CAPPED_PERCENT}%: not comparable as this strategy"
    table.add_column("labels")
    for stack in STACKS:
        table.add_column(f"stack {stack} ({1000 * settings.frame_shift_s * stack:g} ms)", justify="right")
    for strategy, reports in capped_targets(corpus, settings, STACKS).items():
        cells = (f"{one.capped} of {one.utterances}{' *' if not_comparable(one) else ''}" for one in reports)
        table.add_row(strategy, *cells)
    return table


def _print_facts(corpus: "Corpus", console: "Console") -> None:
    """Durations, counts, digest, notes and what was skipped, a line each."""
    from studies.corpus_agreement import agreement_line
    from studies.corpus_summary import count_summary

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    durations_s, counts = corpus.durations_s, count_summary(corpus)
    mean_s = sum(durations_s) / len(durations_s)
    say(f"speakers: {len(corpus.speakers)} ({', '.join(corpus.speakers)})")
    say(f"durations: {min(durations_s):.2f} to {max(durations_s):.2f} s, mean {mean_s:.2f} s")
    say(f"words from: {', '.join(f'{origin} {number}' for origin, number in counts.words_from.items())}")
    voiced_from = counts.voiced_phonemes_from
    say(f"voiced phonemes from: {', '.join(f'{origin} {number}' for origin, number in voiced_from.items())}")
    if counts.mean_words is not None:
        say(f"words: mean {counts.mean_words:.1f}")
    if counts.mean_voiced_phonemes is not None:
        say(f"voiced phonemes: mean {counts.mean_voiced_phonemes:.1f}")
    agreement = agreement_line(corpus)
    if agreement is not None:
        say(agreement)
    say(f"digest: {corpus.digest}")
    say(f"notes: {len(corpus.notes)}")
    for note in corpus.notes:
        say(f"  {note}")
    say(f"skipped: {len(corpus.skipped)}")
    for skipped in corpus.skipped:
        say(f"  {skipped.name}: {skipped.reason}")
