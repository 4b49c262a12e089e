"""Summary of a corpus in numbers: all that `ser corpus check` prints, writes as JSON and draws."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, get_args

import numpy as np

from ser.config import LabelStrategy
from ser.corpora.corpus import Corpus, Split, Utterance
from ser.corpora.transcripts.agreement import Agreement, transcript_agreement
from ser.errors import CorpusError
from ser.feature_settings import LogMelSettings
from ser.features.logmel import frame_count
from ser.training.targets import available_strategies, ctc_target_lengths, exceeds_cap_limit

STACKS = (1, 2, 3)
"""Numbers of frames joined into one for which targets are counted."""


@dataclass(frozen=True)
class GroupRow:
    """Utterances of one session, site, subset of a given split, or speaker.

    Attributes:
        name: Name of the group.
        emotions: Number of utterances by emotion, in the order of the classes.
        duration_s: Total duration, in seconds.
    """

    name: str
    emotions: dict[str, int]
    duration_s: float

    @property
    def utterances(self) -> int:
        """Number of utterances."""
        return sum(self.emotions.values())


@dataclass(frozen=True)
class ClassTable:
    """Classes by group, as the paper's Tables 1 (sessions) and 2 (training and test school).

    Attributes:
        by: Kind of the groups: 'session', 'site', 'split' or 'speaker'.
        rows: The groups.
    """

    by: str
    rows: tuple[GroupRow, ...]


@dataclass(frozen=True)
class DurationRow:
    """Durations of the utterances of one emotion, or of all, in seconds.

    Attributes:
        name: The emotion, or 'all'.
        utterances: Number of utterances, at least 1.
        shortest_s: Minimum.
        lower_quartile_s: Lower quartile.
        median_s: Median.
        upper_quartile_s: Upper quartile.
        longest_s: Maximum.
        mean_s: Mean.
        total_s: Sum.
    """

    name: str
    utterances: int
    shortest_s: float
    lower_quartile_s: float
    median_s: float
    upper_quartile_s: float
    longest_s: float
    mean_s: float
    total_s: float


@dataclass(frozen=True)
class CountRow:
    """Counts of words or of voiced phonemes from one source.

    Attributes:
        count: 'words' or 'voiced phonemes'.
        source: Source of the counts; 'unknown' where there are none.
        utterances: Number of utterances.
        mean: Mean count per utterance, or None where unknown.
        smallest: Smallest count, or None where unknown.
        largest: Largest count, or None where unknown.
    """

    count: str
    source: str
    utterances: int
    mean: float | None
    smallest: int | None
    largest: int | None


@dataclass(frozen=True)
class TargetRow:
    """CTC targets of one label strategy, with a number of frames joined into one.

    Attributes:
        labels: The strategy.
        stack: Frames joined.
        utterances: Number of utterances.
        capped: Number of targets that would be shortened for CTC.
        comparable: Whether a variant still tests this strategy.
    """

    labels: LabelStrategy
    stack: int
    utterances: int
    capped: int
    comparable: bool


@dataclass(frozen=True)
class CorpusSummary:
    """Summary of a corpus.

    Attributes:
        corpus: The corpus.
        tables: Classes by session, site and split, where all utterances have one, and by speaker.
        durations: Durations by emotion that has utterances, then of all.
        counts: Words, then voiced phonemes, by source, the most frequent source first.
        agreement: Agreement of transcripts with counted voiced phonemes, where there are both.
        not_compared: Reason for a missing agreement, or None.
        targets: Targets by strategy that the corpus has counts for, and by stack.
    """

    corpus: Corpus
    tables: tuple[ClassTable, ...]
    durations: tuple[DurationRow, ...]
    counts: tuple[CountRow, ...]
    agreement: Agreement | None
    not_compared: str | None
    targets: tuple[TargetRow, ...]


def summarise(corpus: Corpus) -> CorpusSummary:
    """Summarise a corpus."""
    agreement, not_compared = None, None
    try:
        agreement = transcript_agreement(corpus)
    except CorpusError as error:
        not_compared = str(error)
    return CorpusSummary(
        corpus=corpus,
        tables=class_tables(corpus),
        durations=duration_rows(corpus),
        counts=count_rows(corpus),
        agreement=agreement,
        not_compared=not_compared,
        targets=target_rows(corpus),
    )


def as_json(summary: CorpusSummary) -> dict[str, Any]:
    """Convert a summary to plain values for JSON; names carry their units."""
    corpus = summary.corpus
    return {
        "corpus": corpus.name,
        "root": str(corpus.root),
        "digest": corpus.digest,
        "language": corpus.language,
        "synthetic": corpus.synthetic,
        "emotions": list(corpus.emotions),
        "utterances": len(corpus.utterances),
        "speakers": list(corpus.speakers),
        "classes": [
            {"by": table.by, "rows": [asdict(row) | {"utterances": row.utterances} for row in table.rows]}
            for table in summary.tables
        ],
        "durations": [asdict(row) for row in summary.durations],
        "counts": [asdict(row) for row in summary.counts],
        "agreement": None if summary.agreement is None else asdict(summary.agreement),
        "agreement_not_compared": summary.not_compared,
        "shortened_targets": [asdict(row) for row in summary.targets],
        "notes": list(corpus.notes),
        "skipped": [asdict(skipped) for skipped in corpus.skipped],
    }


def class_tables(corpus: Corpus) -> tuple[ClassTable, ...]:
    """Tabulate classes by session, site, split and speaker; subsets of a split in their order, the rest by name."""
    groupings: tuple[tuple[str, Callable[[Utterance], str | None]], ...] = (
        ("session", lambda utterance: utterance.session),
        ("site", lambda utterance: utterance.site),
        ("split", lambda utterance: utterance.split),
        ("speaker", lambda utterance: utterance.speaker),
    )
    tables = []
    for by, group_of in groupings:
        groups = [group for utterance in corpus.utterances if (group := group_of(utterance)) is not None]
        if len(groups) == len(corpus.utterances):
            names = [subset for subset in get_args(Split) if subset in groups] if by == "split" else sorted(set(groups))
            tables.append(ClassTable(by, _group_rows(corpus, groups, names)))
    return tuple(tables)


def _group_rows(corpus: Corpus, groups: Sequence[str], names: Sequence[str]) -> tuple[GroupRow, ...]:
    counts = Counter(zip(groups, (utterance.emotion for utterance in corpus.utterances), strict=True))
    durations_s: dict[str, float] = {}
    for group, duration_s in zip(groups, corpus.durations_s, strict=True):
        durations_s[group] = durations_s.get(group, 0.0) + duration_s
    return tuple(
        GroupRow(name, {emotion: counts[name, emotion] for emotion in corpus.emotions}, durations_s[name])
        for name in names
    )


def duration_rows(corpus: Corpus) -> tuple[DurationRow, ...]:
    """Tabulate durations by emotion that has utterances, in the order of the classes, and of all utterances."""
    pairs = list(zip(corpus.utterances, corpus.durations_s, strict=True))
    by_emotion = (
        (emotion, [duration_s for utterance, duration_s in pairs if utterance.emotion == emotion])
        for emotion in corpus.emotions
    )
    return tuple(
        _duration_row(name, durations_s)
        for name, durations_s in (*by_emotion, ("all", corpus.durations_s))
        if durations_s
    )


def _duration_row(name: str, durations_s: Sequence[float]) -> DurationRow:
    shortest, lower, median, upper, longest = np.percentile(durations_s, (0, 25, 50, 75, 100)).tolist()
    total_s = sum(durations_s)
    return DurationRow(
        name, len(durations_s), shortest, lower, median, upper, longest, total_s / len(durations_s), total_s
    )


def count_rows(corpus: Corpus) -> tuple[CountRow, ...]:
    """Tabulate counts of words and of voiced phonemes by source."""
    words = ((utterance.words_source, utterance.words) for utterance in corpus.utterances)
    voiced = ((utterance.voiced_phonemes_source, utterance.voiced_phonemes) for utterance in corpus.utterances)
    return (*_count_rows("words", words), *_count_rows("voiced phonemes", voiced))


def _count_rows(count: str, sources: Iterable[tuple[str, int | None]]) -> list[CountRow]:
    by_source: dict[str, list[int | None]] = {}
    for source, number in sources:
        by_source.setdefault(source, []).append(number)
    rows = []
    for source, numbers in sorted(by_source.items(), key=lambda item: -len(item[1])):
        counts = [number for number in numbers if number is not None]
        rows.append(
            CountRow(
                count=count,
                source=source,
                utterances=len(numbers),
                mean=fmean(counts) if counts else None,
                smallest=min(counts, default=None),
                largest=max(counts, default=None),
            )
        )
    return rows


def target_rows(corpus: Corpus) -> tuple[TargetRow, ...]:
    """Count the targets of each strategy that the corpus has counts for, with each of `STACKS`."""
    settings = LogMelSettings()
    samples = [round(duration_s * settings.sample_rate_hz) for duration_s in corpus.durations_s]
    frames = [frame_count(count, settings) for count in samples]
    rows = []
    for strategy in available_strategies(corpus.utterances):
        for stack in STACKS:
            _, report = ctc_target_lengths(corpus.utterances, strategy, [-(-count // stack) for count in frames])
            rows.append(TargetRow(strategy, stack, report.utterances, report.capped, not exceeds_cap_limit(report)))
    return tuple(rows)
