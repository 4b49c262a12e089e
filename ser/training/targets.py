"""Length of CTC targets: how often an utterance's emotion is repeated (paper, section 3.1)."""

from collections.abc import Sequence
from typing import get_args

from ser.config import LabelStrategy
from ser.corpora.corpus import Utterance
from ser.errors import ConfigurationError
from ser.results import MAX_CAPPED_SHARE, TargetReport


def ctc_target_lengths(
    utterances: Sequence[Utterance], strategy: LabelStrategy, frames: Sequence[int]
) -> tuple[tuple[int, ...], TargetReport]:
    """Return the number of labels N of each utterance.

    CTC puts a blank between equal labels, so that N labels need 2N - 1 frames; a target that does
    not fit is shortened to the longest that does, and counted. A count of 0 becomes 1, and is
    counted.

    Args:
        utterances: The utterances.
        strategy: `words`, `phonemes` (voiced phonemes), `phonemes_x2` (twice those) or `utterance` (1).
        frames: Frames of each utterance that the network sees, each at least 1.

    Returns:
        N of each utterance, 1 to (frames + 1) // 2, and what was changed.

    Raises:
        ConfigurationError: An utterance has no count for the strategy; the text names it and the
            strategies that all utterances have counts for.

    Examples:
        >>> from pathlib import Path
        >>> utterance = Utterance("a", Path("a.wav"), "s", "anger", words=4)
        >>> ctc_target_lengths([utterance], "words", [5])[0]
        (3,)
    """
    lengths, capped, raised = [], 0, 0
    for utterance, frame_count in zip(utterances, frames, strict=True):
        count = _count(utterance, strategy)
        if count is None:
            raise ConfigurationError(_no_count(utterance, utterances, strategy))
        length, longest = max(count, 1), (int(frame_count) + 1) // 2
        raised += count < 1
        capped += length > longest
        lengths.append(min(length, longest))
    return tuple(lengths), TargetReport(utterances=len(lengths), capped=capped, raised=raised)


def available_strategies(utterances: Sequence[Utterance]) -> tuple[LabelStrategy, ...]:
    """Return the strategies that all the utterances have counts for; `utterance` is always among them."""
    return tuple(
        strategy for strategy in get_args(LabelStrategy) if not utterances_without_counts(utterances, strategy)
    )


def utterances_without_counts(utterances: Sequence[Utterance], strategy: LabelStrategy) -> list[str]:
    """Return the ids of utterances that have no count for a strategy."""
    return [utterance.id for utterance in utterances if _count(utterance, strategy) is None]


def exceeds_cap_limit(report: TargetReport) -> bool:
    """Return whether so many targets were shortened that a variant is not comparable as this strategy."""
    return report.capped > MAX_CAPPED_SHARE * report.utterances


def _count(utterance: Utterance, strategy: LabelStrategy) -> int | None:
    if strategy == "words":
        return utterance.words
    if strategy == "utterance":
        return 1
    voiced = utterance.voiced_phonemes
    return 2 * voiced if voiced is not None and strategy == "phonemes_x2" else voiced


def _no_count(utterance: Utterance, utterances: Sequence[Utterance], strategy: LabelStrategy) -> str:
    available = ", ".join(available_strategies(utterances))
    return f"utterance {utterance.id} has no count for label strategy '{strategy}'; the corpus offers: {available}"
