"""Who validates where whom tests: pairs of speakers for corpora that do not name them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ser.corpora.corpus import Utterance


def pair_speakers(utterances: Sequence[Utterance], given: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Pairs the speakers of a corpus.

    Args:
        utterances: Its utterances.
        given: Partners that the corpus names, both ways; where there are any, nobody else is paired.

    Returns:
        The partner of each speaker who has one, both ways, and notes on how they were found. Without
        given pairs these are the two speakers of each session, where every session has the same two;
        else neighbours in the order of their names.
    """
    speakers = sorted({utterance.speaker for utterance in utterances})
    if given:
        pairs = {one: other for one, other in given.items() if one in speakers and other in speakers}
        return pairs, _unpaired(speakers, pairs)
    if (of_sessions := _pairs_of_sessions(utterances)) is not None:
        return of_sessions, ()
    pairs = {}
    for one, other in zip(speakers[::2], speakers[1::2], strict=False):
        pairs |= {one: other, other: one}
    listed = ", ".join(f"{one}+{other}" for one, other in zip(speakers[::2], speakers[1::2], strict=False))
    how = f"speakers are paired in the order of their names, for want of partners or sessions of two: {listed}"
    return pairs, (*((how,) if pairs else ()), *_unpaired(speakers, pairs))


def _pairs_of_sessions(utterances: Sequence[Utterance]) -> dict[str, str] | None:
    """The other speaker of each speaker's sessions, or None where that is not one person throughout."""
    speakers_of: dict[str, set[str]] = defaultdict(set)
    for utterance in utterances:
        if utterance.session is None:
            return None
        speakers_of[utterance.session].add(utterance.speaker)
    pairs: dict[str, str] = {}
    for speakers in speakers_of.values():
        if len(speakers) != 2:
            return None
        one, other = sorted(speakers)
        if pairs.setdefault(one, other) != other or pairs.setdefault(other, one) != one:
            return None
    return pairs


def _unpaired(speakers: Sequence[str], pairs: Mapping[str, str]) -> tuple[str, ...]:
    alone = [speaker for speaker in speakers if speaker not in pairs]
    return (f"speakers without a partner: {', '.join(alone)}",) if alone else ()
