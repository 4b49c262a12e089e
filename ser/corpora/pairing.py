"""Pair of speakers who validate each other's test, for corpora that do not name them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ser.corpora.corpus import Utterance


def pair_speakers(
    utterances: Sequence[Utterance], named_pairs: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Pair the speakers of a corpus.

    Args:
        utterances: Its utterances.
        named_pairs: Partners that the corpus names, both ways; if there are any, nobody else is paired.

    Returns:
        Partners by speaker, both ways, and notes on how they were paired: as named, else the two
        speakers of each session, else neighbours in the order of their names if their number is even.
        Of an odd number nobody is paired: each is validated by the next one instead.
    """
    speakers = sorted({utterance.speaker for utterance in utterances})
    if named_pairs:
        pairs = {first: second for first, second in named_pairs.items() if first in speakers and second in speakers}
        return pairs, _unpaired(speakers, pairs)
    if (of_sessions := _pairs_of_sessions(utterances)) is not None:
        return of_sessions, ()
    if len(speakers) % 2:
        return {}, (
            "speakers have no partners (none named, no sessions of two, an odd number): each is validated by the next",
        )
    neighbours = list(zip(speakers[::2], speakers[1::2], strict=True))
    pairs = {
        speaker: partner for first, second in neighbours for speaker, partner in ((first, second), (second, first))
    }
    listed = ", ".join(f"{first}+{second}" for first, second in neighbours)
    note = f"speakers are paired in the order of their names (no partners, no sessions of two): {listed}"
    return pairs, (note,) if pairs else ()


def _pairs_of_sessions(utterances: Sequence[Utterance]) -> dict[str, str] | None:
    """Pair the two speakers of each session; None unless all sessions of a speaker have the same two."""
    speakers_of: dict[str, set[str]] = defaultdict(set)
    for utterance in utterances:
        if utterance.session is None:
            return None
        speakers_of[utterance.session].add(utterance.speaker)
    pairs: dict[str, str] = {}
    for speakers in speakers_of.values():
        if len(speakers) != 2:
            return None
        first, second = sorted(speakers)
        if pairs.setdefault(first, second) != second or pairs.setdefault(second, first) != first:
            return None
    return pairs


def _unpaired(speakers: Sequence[str], pairs: Mapping[str, str]) -> tuple[str, ...]:
    unpaired = [speaker for speaker in speakers if speaker not in pairs]
    return (f"speakers without a partner: {', '.join(unpaired)}",) if unpaired else ()
