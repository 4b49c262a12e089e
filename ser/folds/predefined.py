"""One fold, as the corpus itself divides its speakers."""

from typing import get_args

from ser.corpora.corpus import Corpus, Split
from ser.errors import FoldError
from ser.folds.checks import check_fold
from ser.results import Fold

SCHEME = "given split"


def predefined_fold(corpus: Corpus) -> tuple[Fold, ...]:
    """Return the one fold that the utterances' `split` describes.

    Args:
        corpus: The corpus; every utterance has a split, and all utterances of a speaker the same one.

    Returns:
        One fold, named 'given'.

    Raises:
        FoldError: An utterance has no split, a speaker has two, a part is empty, or another guard is broken.
    """
    split_of: dict[str, Split] = {}
    for utterance in corpus.utterances:
        if utterance.split is None:
            raise FoldError(
                f"folds 'given' need a split ({', '.join(get_args(Split))}) for every utterance; "
                f"{utterance.id} has none"
            )
        before = split_of.setdefault(utterance.speaker, utterance.split)
        if before != utterance.split:
            raise FoldError(
                f"speaker {utterance.speaker} is in {before} and, with {utterance.id}, in {utterance.split}"
            )
    subsets = {
        subset: tuple(sorted(speaker for speaker in split_of if split_of[speaker] == subset))
        for subset in get_args(Split)
    }
    fold = Fold(
        index=0,
        name="given",
        scheme=SCHEME,
        test_speakers=subsets["test"],
        validation_speakers=subsets["validation"],
        training_speakers=subsets["training"],
    )
    check_fold(corpus, fold)
    return (fold,)
