"""Summary of a corpus on the terminal: tables, then one line per fact."""

from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.table import Table

from ser.corpora.transcripts.agreement import Agreement
from ser.feature_settings import LogMelSettings
from ser.results import MAX_CAPPED_SHARE
from studies.cli.terminal.console import Console
from tracking.analysis.corpus_summary import STACKS, ClassTable, CorpusSummary


def print_summary(summary: CorpusSummary) -> None:
    """Print a corpus's summary on standard output.

    Speakers have a table only where the corpus has no sessions, sites or subsets.
    """
    # Names of speakers and emotions come from the corpus, and may look like markup.
    console = Console(markup=False)
    partitions = [table for table in summary.tables if table.by != "speaker"]
    for table in partitions or summary.tables:
        console.print(_class_table(summary, table))
    console.print(_duration_table(summary))
    console.print(_count_table(summary))
    console.print(_target_table(summary))
    for line in facts(summary):
        console.print(line, highlight=False, soft_wrap=True)


def facts(summary: CorpusSummary) -> list[str]:
    """Describe speakers, agreement, digest, notes and skipped files, one line each."""
    corpus = summary.corpus
    lines = [f"speakers: {len(corpus.speakers)} ({', '.join(corpus.speakers)})"]
    if (agreement := agreement_line(summary)) is not None:
        lines.append(agreement)
    lines += [f"digest: {corpus.digest}", f"notes: {len(corpus.notes)}"]
    lines += [f"  {note}" for note in corpus.notes]
    lines.append(f"skipped: {len(corpus.skipped)}")
    return lines + [f"  {skipped.name}: {skipped.reason}" for skipped in corpus.skipped]


def agreement_line(summary: CorpusSummary) -> str | None:
    """Describe how grapheme-to-phoneme conversion agrees with the corpus's voiced phonemes, or why that is unknown.

    Returns:
        One line; None where no utterance has both a transcript and counted voiced phonemes.
    """
    comparison = "voiced phonemes by grapheme-to-phoneme, against those counted"
    if summary.not_compared is not None:
        return f"{comparison}: not compared, {summary.not_compared}"
    return None if summary.agreement is None else f"{comparison}: {_agreement(summary.agreement)}"


def _agreement(agreement: Agreement) -> str:
    correlation = "undefined" if agreement.correlation is None else f"{agreement.correlation:.3f}"
    return (
        f"{agreement.utterances} utterances, mean absolute error {agreement.mean_absolute_error:.2f}, "
        f"mean difference {agreement.mean_difference:+.2f}, correlation {correlation}"
    )


def _table(title: str, show_footer: bool = False) -> Table:
    """Create an empty table, narrow enough for seven classes on 80 columns."""
    return Table(
        title=title,
        title_justify="left",
        show_footer=show_footer,
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )


def _class_table(summary: CorpusSummary, classes: ClassTable) -> Table:
    """Tabulate utterances by group and emotion, with sums."""
    corpus = summary.corpus
    origin = ", synthetic speech" if corpus.synthetic else ""
    table = _table(f"{corpus.name}{origin}: utterances by {classes.by}", show_footer=True)
    table.caption = "min: minutes of audio"
    table.add_column(classes.by, footer="all")
    for emotion in corpus.emotions:
        table.add_column(emotion, footer=str(sum(row.emotions[emotion] for row in classes.rows)), justify="right")
    table.add_column("all", footer=str(len(corpus.utterances)), justify="right")
    table.add_column("min", footer=f"{sum(corpus.durations_s) / 60:.1f}", justify="right")
    for row in classes.rows:
        numbers = (*row.emotions.values(), row.utterances)
        table.add_row(row.name, *map(str, numbers), f"{row.duration_s / 60:.1f}")
    return table


def _duration_table(summary: CorpusSummary) -> Table:
    """Tabulate durations of each emotion and of all."""
    table = _table("Durations")
    table.add_column("emotion")
    for heading in ("shortest, s", "mean, s", "longest, s", "total, minutes"):
        table.add_column(heading, justify="right")
    for row in summary.durations:
        seconds = (f"{value:.2f}" for value in (row.shortest_s, row.mean_s, row.longest_s))
        table.add_row(row.name, *seconds, f"{row.total_s / 60:.1f}")
    return table


def _count_table(summary: CorpusSummary) -> Table:
    """Tabulate counts by their source."""
    table = _table("Counts per utterance, and their sources")
    for heading in ("count", "source"):
        table.add_column(heading)
    for heading in ("utterances", "mean", "smallest", "largest"):
        table.add_column(heading, justify="right")
    for row in summary.counts:
        mean = "" if row.mean is None else f"{row.mean:.1f}"
        extremes = ("" if extreme is None else str(extreme) for extreme in (row.smallest, row.largest))
        table.add_row(row.count, row.source, str(row.utterances), mean, *extremes)
    return table


def _target_table(summary: CorpusSummary) -> Table:
    """Tabulate targets that CTC has too few frames for, by label strategy and frame length."""
    shift_ms = 1000 * LogMelSettings().frame_shift_s
    table = _table("Targets shortened for lack of frames")
    table.caption = f"* more than {MAX_CAPPED_SHARE:.0%}: not comparable as this strategy"
    table.add_column("labels")
    for stack in STACKS:
        table.add_column(f"stack {stack} ({shift_ms * stack:g} ms)", justify="right")
    for strategy, rows in groupby(summary.targets, key=lambda row: row.labels):
        cells = (f"{row.capped} of {row.utterances}{'' if row.comparable else ' *'}" for row in rows)
        table.add_row(strategy, *cells)
    return table
