"""Given number of folds, each tested by a group of speakers."""

from ser.corpora.corpus import Corpus
from ser.errors import FoldError
from ser.folds.rotation import rotation_folds
from ser.results import Fold


def group_folds(corpus: Corpus, groups: int) -> tuple[Fold, ...]:
    """Deal speakers to groups of about as many utterances; each group tests once, the next validates.

    Partners, who share dialogs, stay in one group. Dealing is deterministic: the largest unit first,
    each to the group with the fewest utterances so far.

    Args:
        corpus: The corpus.
        groups: Number of groups, at least 3.

    Returns:
        The folds, named 'group 1' and so on.

    Raises:
        FoldError: There are not enough speakers or pairs of partners, or a fold breaks a guard.
    """
    units = _units(corpus)
    if not 3 <= groups <= len(units):
        raise FoldError(
            f"folds 'groups:{groups}' of corpus {corpus.name}: expected 3 to {len(units)} groups, one or more "
            "speakers (or pairs of partners) in each"
        )
    counts = {unit: sum(utterance.speaker in unit for utterance in corpus.utterances) for unit in units}
    dealt: list[list[str]] = [[] for _ in range(groups)]
    sizes = [0] * groups
    for unit in sorted(units, key=lambda members: (-counts[members], members)):
        smallest = sizes.index(min(sizes))
        dealt[smallest].extend(unit)
        sizes[smallest] += counts[unit]
    named = [(f"group {number}", tuple(sorted(speakers))) for number, speakers in enumerate(dealt, start=1)]
    return rotation_folds(corpus, f"{groups} groups of speakers", named)


def _units(corpus: Corpus) -> list[tuple[str, ...]]:
    """Speakers with their partners, sorted."""
    return sorted({tuple(sorted({speaker, corpus.partners.get(speaker, speaker)})) for speaker in corpus.speakers})
