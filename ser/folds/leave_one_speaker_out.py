"""One fold a speaker, who tests it (paper, section 3.3)."""

from ser.config import Validation
from ser.corpora.corpus import Corpus
from ser.errors import FoldError
from ser.folds.checks import check_fold
from ser.results import Fold

_HINT = "folds 'groups:K' and 'session' need none"


def speaker_folds(corpus: Corpus, validation: Validation) -> tuple[Fold, ...]:
    """One fold a speaker, who tests it.

    In both schemes the test speaker's partner never trains: the two share their dialogs.

    - `partner`: the partner validates; all speakers outside the pair train. The validator shares
      the test speaker's dialogs.
    - `other_session`: the speaker in the same place of the next pair validates (pairs in the order
      of their first speakers, the last followed by the first); all speakers train but those two and
      the test speaker's partner, who takes no part.

    Args:
        corpus: The corpus; its pairs are `corpus.partners`.
        validation: Who validates.

    Returns:
        The folds, sorted by test speaker; a fold's name is that speaker.

    Raises:
        FoldError: The corpus has fewer than two speakers, a speaker has no partner, or a fold breaks
            a guard of `check_fold`.
    """
    speakers = corpus.speakers
    if len(speakers) < 2:
        raise FoldError(
            f"corpus {corpus.name} has {len(speakers)} speaker(s) ({', '.join(speakers)}); "
            "speaker-independent folds need at least three"
        )
    for speaker in speakers:
        _check_partner(corpus, speaker)
    folds = []
    for index, speaker in enumerate(speakers):
        partner = corpus.partners[speaker]
        validator = partner if validation == "partner" else _same_place_in_next_pair(corpus, speaker)
        fold = Fold(
            index=index,
            name=speaker,
            scheme=f"leave-one-speaker-out/{validation}",
            test_speakers=(speaker,),
            validation_speakers=(validator,),
            training_speakers=tuple(other for other in speakers if other not in (speaker, partner, validator)),
        )
        check_fold(corpus, fold)
        folds.append(fold)
    return tuple(folds)


def _check_partner(corpus: Corpus, speaker: str) -> None:
    partner = corpus.partners.get(speaker)
    if partner is None or partner == speaker:
        raise FoldError(f"speaker {speaker} of corpus {corpus.name} has no partner to validate its fold; {_HINT}")
    if partner not in corpus.speakers:
        raise FoldError(f"speaker {speaker} of corpus {corpus.name} has partner {partner}, who has no utterance")


def _same_place_in_next_pair(corpus: Corpus, speaker: str) -> str:
    """The validator of `other_session`: same place, next pair."""
    pairs = sorted({tuple(sorted((one, corpus.partners[one]))) for one in corpus.speakers})
    if len(pairs) * 2 != len(corpus.speakers):
        raise FoldError(
            f"validation 'other_session' needs the speakers of corpus {corpus.name} in pairs of two; "
            f"its pairs are {', '.join('+'.join(pair) for pair in pairs)}"
        )
    if len(pairs) < 2:
        raise FoldError(f"validation 'other_session' needs two pairs of speakers; corpus {corpus.name} has one")
    own = next(position for position, pair in enumerate(pairs) if speaker in pair)
    return pairs[(own + 1) % len(pairs)][pairs[own].index(speaker)]
