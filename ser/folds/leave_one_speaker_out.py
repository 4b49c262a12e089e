"""Leave-one-speaker-out: one fold per speaker, who tests it (paper, section 3.3)."""

from collections.abc import Sequence

from ser.config import Validation
from ser.corpora.corpus import Corpus
from ser.errors import FoldError
from ser.folds.checks import check_fold
from ser.results import Fold

SCHEME = "leave-one-speaker-out"

_ROTATION = "rotation"
"""Ends the scheme's name where no speaker has a partner, so that both ways of validating are the same."""


def speaker_folds(corpus: Corpus, validation: Validation) -> tuple[Fold, ...]:
    """Make one fold per speaker, who tests it.

    The partner of a test speaker never trains: the two share their dialogs.

    - `partner`: the partner validates; all speakers outside the pair train. The validator shares
      the test speaker's dialogs.
    - `other_session`: the speaker at the same index in the next pair validates (pairs in the order
      of their first speakers, the last followed by the first); all speakers train but those two and
      the test speaker's partner, who is in no subset.

    A speaker without a partner is validated by the next speaker without one, in the order of names,
    the last followed by the first, so that each of them validates once. If there is only one such
    speaker, the next of all speakers validates, who then validates twice. All others train.

    Args:
        corpus: The corpus; its pairs are `corpus.partners`.
        validation: Who validates the folds of speakers who have a partner.

    Returns:
        The folds, sorted by test speaker; a fold's name is that speaker.

    Raises:
        FoldError: The corpus has fewer than three speakers, names a partner who has no utterance or no
            partner, or a fold breaks a guard of `check_fold`.
    """
    speakers = corpus.speakers
    if len(speakers) < 2:
        raise FoldError(
            f"corpus {corpus.name} has {len(speakers)} speaker(s) ({', '.join(speakers)}); "
            "speaker-independent folds need at least three"
        )
    paired = [speaker for speaker in speakers if _has_partner(corpus, speaker)]
    validators = _validators(corpus, paired, validation)
    folds = []
    for index, speaker in enumerate(speakers):
        left_out = {speaker, validators[speaker]} | ({corpus.partners[speaker]} if speaker in paired else set())
        fold = Fold(
            index=index,
            name=speaker,
            scheme=f"{SCHEME}/{validation if paired else _ROTATION}",
            test_speakers=(speaker,),
            validation_speakers=(validators[speaker],),
            training_speakers=tuple(name for name in speakers if name not in left_out),
        )
        check_fold(corpus, fold)
        folds.append(fold)
    return tuple(folds)


def _has_partner(corpus: Corpus, speaker: str) -> bool:
    """Check that a partner has utterances, and a partner in turn."""
    partner = corpus.partners.get(speaker, speaker)
    if partner == speaker:
        return False
    if partner not in corpus.speakers:
        raise FoldError(f"speaker {speaker} of corpus {corpus.name} has partner {partner}, who has no utterance")
    if corpus.partners.get(partner, partner) == partner:
        raise FoldError(f"speaker {speaker} of corpus {corpus.name} has partner {partner}, who has no partner")
    return True


def _validators(corpus: Corpus, paired: Sequence[str], validation: Validation) -> dict[str, str]:
    """Choose the validator of each test speaker."""
    speakers = corpus.speakers
    if validation == "partner" or not paired:
        validators = {speaker: corpus.partners[speaker] for speaker in paired}
    else:
        validators = _same_index_in_next_pair(corpus, paired)
    unpaired = [speaker for speaker in speakers if speaker not in paired]
    circle = speakers if len(unpaired) == 1 else unpaired
    return validators | {speaker: circle[(circle.index(speaker) + 1) % len(circle)] for speaker in unpaired}


def _same_index_in_next_pair(corpus: Corpus, paired: Sequence[str]) -> dict[str, str]:
    """Choose the validators of `other_session`: same index, next pair."""
    pairs = sorted({tuple(sorted((speaker, corpus.partners[speaker]))) for speaker in paired})
    if len(pairs) * 2 != len(paired):
        raise FoldError(
            f"validation 'other_session' needs the speakers of corpus {corpus.name} in pairs of two; "
            f"its pairs are {', '.join('+'.join(pair) for pair in pairs)}"
        )
    if len(pairs) < 2:
        raise FoldError(
            f"validation 'other_session' needs two pairs of speakers; corpus {corpus.name} has one "
            "(validation 'partner' needs none)"
        )
    following = zip(pairs, pairs[1:] + pairs[:1], strict=True)
    return {
        speaker: validator for pair, next_pair in following for speaker, validator in zip(pair, next_pair, strict=True)
    }
