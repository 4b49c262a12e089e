"""Columns of a corpus that a study leaves unused, although another fold scheme or label strategy would use them."""

from collections import Counter, defaultdict
from collections.abc import Collection

from ser.corpora.corpus import Corpus
from ser.folds.schemes import Scheme

_MIN_SESSIONS = 3
_LABELS_BY_COUNT = {"words": "words", "voiced_phonemes": "phonemes"}
"""Label strategy that uses each count."""


def describe_unused_columns(
    corpus: Corpus, scheme: Scheme, used_counts: Collection[str] = tuple(_LABELS_BY_COUNT)
) -> tuple[str, ...]:
    """Describe the columns that decide no fold and no target, each with the option that uses it.

    A predefined split is used by 'given' alone. Sessions are used by 'session', and by 'speaker' and 'groups' where
    partners share them. Partners that a table names are used by 'speaker' and 'groups'.

    Args:
        corpus: The corpus.
        scheme: The scheme.
        used_counts: Counts that the study's label strategies use: 'words', 'voiced_phonemes' or both.

    Returns:
        One line per column.
    """
    lines = []
    splits = Counter(utterance.split for utterance in corpus.utterances if utterance.split is not None)
    if splits and scheme.name != "given":
        counts = ", ".join(f"{split} {count}" for split, count in sorted(splits.items()))
        lines.append(_line(corpus, scheme, f"a predefined split ({counts})", "given"))
    if scheme.name in ("speaker", "groups") and _has_unused_sessions(corpus):
        sessions = len({utterance.session for utterance in corpus.utterances})
        lines.append(_line(corpus, scheme, f"{sessions} sessions", "session"))
    if scheme.name in ("session", "given") and "partner" in corpus.given_columns:
        lines.append(_line(corpus, scheme, "a column 'partner'", "speaker"))
    for count, labels in _LABELS_BY_COUNT.items():
        if count in corpus.given_columns and count not in used_counts:
            lines.append(
                f"corpus {corpus.name} has a column '{count}', which the labels of this study do not use; "
                f"use --labels {labels} (LABELS={labels}) for targets by it"
            )
    return tuple(lines)


def _line(corpus: Corpus, scheme: Scheme, column: str, remedy: str) -> str:
    return (
        f"corpus {corpus.name} has {column}, which folds '{scheme.name}' do not use; "
        f"use --folds {remedy} (FOLDS={remedy}) for folds by it"
    )


def _has_unused_sessions(corpus: Corpus) -> bool:
    """Check that sessions could make folds, and that no two partners share one."""
    sessions_of = defaultdict(set)
    for utterance in corpus.utterances:
        sessions_of[utterance.speaker].add(utterance.session)
    if any(len(sessions) > 1 or None in sessions for sessions in sessions_of.values()):
        return False
    if len({utterance.session for utterance in corpus.utterances}) < _MIN_SESSIONS:
        return False
    return not any(sessions_of[speaker] == sessions_of[partner] for speaker, partner in corpus.partners.items())
