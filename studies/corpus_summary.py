"""What a corpus holds, in numbers: the figures behind `ser corpus check`."""

from collections import Counter
from dataclasses import dataclass
from statistics import fmean

from ser.config import FeatureSettings, LabelStrategy
from ser.corpora import Corpus
from ser.features.logmel import frame_count
from ser.labels import offered_strategies, target_lengths
from ser.results import TargetReport


@dataclass(frozen=True)
class GroupRow:
    """One session, or one speaker where the corpus has no sessions.

    Attributes:
        name: The session or the speaker.
        emotions: Number of utterances of each emotion, in the order of the classes.
        duration_s: Duration of all its utterances, in seconds.
    """

    name: str
    emotions: tuple[int, ...]
    duration_s: float


@dataclass(frozen=True)
class CountSummary:
    """Where counts come from, and their means.

    Attributes:
        words_from: Number of utterances by where their number of words comes from.
        voiced_phonemes_from: Number of utterances by where their number of voiced phonemes comes from.
        mean_words: Mean number of words, or None where no utterance has one.
        mean_voiced_phonemes: Mean number of voiced phonemes, or None where no utterance has one.
    """

    words_from: dict[str, int]
    voiced_phonemes_from: dict[str, int]
    mean_words: float | None
    mean_voiced_phonemes: float | None


def group_rows(corpus: Corpus) -> tuple[GroupRow, ...]:
    """Utterances by session and emotion, or by speaker and emotion; sorted by name."""
    by_session = all(utterance.session is not None for utterance in corpus.utterances)
    emotions: dict[str, Counter[str]] = {}
    durations_s: dict[str, float] = {}
    for utterance, duration_s in zip(corpus.utterances, corpus.durations_s, strict=True):
        name = utterance.session if by_session and utterance.session is not None else utterance.speaker
        emotions.setdefault(name, Counter())[utterance.emotion] += 1
        durations_s[name] = durations_s.get(name, 0.0) + duration_s
    return tuple(
        GroupRow(name, tuple(emotions[name][emotion] for emotion in corpus.emotions), durations_s[name])
        for name in sorted(emotions)
    )


def count_summary(corpus: Corpus) -> CountSummary:
    """Where the corpus's counts come from, and their means."""
    words = [utterance.words for utterance in corpus.utterances if utterance.words is not None]
    voiced = [utterance.voiced_phonemes for utterance in corpus.utterances if utterance.voiced_phonemes is not None]
    return CountSummary(
        words_from=corpus.words_from,
        voiced_phonemes_from=corpus.voiced_phonemes_from,
        mean_words=fmean(words) if words else None,
        mean_voiced_phonemes=fmean(voiced) if voiced else None,
    )


def capped_targets(
    corpus: Corpus, settings: FeatureSettings, stacks: tuple[int, ...]
) -> dict[LabelStrategy, tuple[TargetReport, ...]]:
    """What becomes of the targets of each label strategy that the corpus has counts for.

    Args:
        corpus: The corpus.
        settings: The log-mels, which decide the number of frames.
        stacks: Numbers of frames joined into one.

    Returns:
        For each strategy one report a stack.
    """
    samples = [round(duration_s * settings.sample_rate_hz) for duration_s in corpus.durations_s]
    frames = [frame_count(count, settings) for count in samples]
    return {
        strategy: tuple(
            target_lengths(corpus.utterances, strategy, [-(-count // stack) for count in frames])[1] for stack in stacks
        )
        for strategy in offered_strategies(corpus.utterances)
    }
