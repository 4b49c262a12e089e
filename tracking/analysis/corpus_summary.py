"""What a corpus holds, in numbers: all that `ser corpus check` prints, writes as JSON and draws."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, get_args

import numpy as np

from ser.config import FeatureSettings, LabelStrategy
from ser.corpora.corpus import Corpus, Split, Utterance
from ser.corpora.transcripts.agreement import Agreement, transcript_agreement
from ser.errors import CorpusError
from ser.features.logmel import frame_count
from ser.training.targets import available_strategies, ctc_target_lengths, exceeds_cap_limit

STACKS = (1, 2, 3)
"""Numbers of frames joined into one that targets are held against."""


@dataclass(frozen=True)
class GroupRow:
    """The utterances of one session, site, part of a given split, or speaker.

    Attributes:
        name: Its name.
        emotions: Number of utterances by emotion, in the order of the classes.
        duration_s: Duration of all its utterances, in seconds.
    """

    name: str
    emotions: dict[str, int]
    duration_s: float

    @property
    def utterances(self) -> int:
        """Number of its utterances."""
        return sum(self.emotions.values())


@dataclass(frozen=True)
class ClassTable:
    """Classes by group, as the paper's Tables 1 (sessions) and 2 (training and test school).

    Attributes:
        by: What a group is: 'session', 'site', 'split' or 'speaker'.
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
        shortest_s: Shortest.
        lower_quartile_s: A quarter is as long or shorter.
        median_s: Half is as long or shorter.
        upper_quartile_s: Three quarters are as long or shorter.
        longest_s: Longest.
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
    """Counts of words or of voiced phonemes that come from one source.

    Attributes:
        count: 'words' or 'voiced phonemes'.
        source: Where they come from; 'unknown' where there are none.
        utterances: Number of utterances.
        mean: Mean count an utterance, or None where unknown.
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
    """What becomes of the targets of one label strategy, with a number of frames joined into one.

    Attributes:
        labels: The strategy.
        stack: Frames joined.
        utterances: Number of utterances.
        capped: Targets that CTC would shorten.
        comparable: Whether the variant would still be one of that strategy.
    """

    labels: LabelStrategy
    stack: int
    utterances: int
    capped: int
    comparable: bool


@dataclass(frozen=True)
class CorpusSummary:
    """What a corpus holds.

    Attributes:
        corpus: The corpus.
        tables: Classes by session, site and split, where all utterances have one, and by speaker.
        durations: Durations of each emotion that has utterances, then of all.
        counts: Words, then voiced phonemes, by source, the most frequent source first.
        agreement: How transcripts agree with counted voiced phonemes, where there are both.
        not_compared: Why they could not be compared, or None.
        targets: Targets of each strategy that the corpus has counts for, with each stack.
    """

    corpus: Corpus
    tables: tuple[ClassTable, ...]
    durations: tuple[DurationRow, ...]
    counts: tuple[CountRow, ...]
    agreement: Agreement | None
    not_compared: str | None
    targets: tuple[TargetRow, ...]


def summarise(corpus: Corpus) -> CorpusSummary:
    """Counts and measures a corpus.

    Args:
        corpus: The corpus.

    Returns:
        Its summary.
    """
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
    """The summary as plain values for JSON; names carry their units."""
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
    """Classes by all that the corpus is divided into; parts of a split stand in their order, the rest by name."""
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
            names = [part for part in get_args(Split) if part in groups] if by == "split" else sorted(set(groups))
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
    """Durations of each emotion that has utterances, in the order of the classes, and of all utterances."""
    pairs = list(zip(corpus.utterances, corpus.durations_s, strict=True))
    by_emotion = ((emotion, [s for one, s in pairs if one.emotion == emotion]) for emotion in corpus.emotions)
    return tuple(
        _duration_row(name, durations_s)
        for name, durations_s in (*by_emotion, ("all", corpus.durations_s))
        if durations_s
    )


def _duration_row(name: str, durations_s: Sequence[float]) -> DurationRow:
    shortest, lower, median, upper, longest = (float(s) for s in np.percentile(durations_s, (0, 25, 50, 75, 100)))
    total_s = sum(durations_s)
    return DurationRow(
        name, len(durations_s), shortest, lower, median, upper, longest, total_s / len(durations_s), total_s
    )


def count_rows(corpus: Corpus) -> tuple[CountRow, ...]:
    """Counts of words and of voiced phonemes, by where they come from."""
    words = ((one.words_source, one.words) for one in corpus.utterances)
    voiced = ((one.voiced_phonemes_source, one.voiced_phonemes) for one in corpus.utterances)
    return (*_count_rows("words", words), *_count_rows("voiced phonemes", voiced))


def _count_rows(count: str, found: Iterable[tuple[str, int | None]]) -> list[CountRow]:
    by_source: dict[str, list[int | None]] = {}
    for source, number in found:
        by_source.setdefault(source, []).append(number)
    rows = []
    for source, numbers in sorted(by_source.items(), key=lambda item: -len(item[1])):
        known = [number for number in numbers if number is not None]
        rows.append(
            CountRow(
                count=count,
                source=source,
                utterances=len(numbers),
                mean=fmean(known) if known else None,
                smallest=min(known, default=None),
                largest=max(known, default=None),
            )
        )
    return rows


def target_rows(corpus: Corpus) -> tuple[TargetRow, ...]:
    """What becomes of the targets of each strategy that the corpus has counts for, with each of `STACKS`."""
    settings = FeatureSettings()
    samples = [round(duration_s * settings.sample_rate_hz) for duration_s in corpus.durations_s]
    frames = [frame_count(count, settings) for count in samples]
    rows = []
    for strategy in available_strategies(corpus.utterances):
        for stack in STACKS:
            _, report = ctc_target_lengths(corpus.utterances, strategy, [-(-count // stack) for count in frames])
            rows.append(TargetRow(strategy, stack, report.utterances, report.capped, not exceeds_cap_limit(report)))
    return tuple(rows)
