"""Folds in which each part of the corpus tests once and the next part validates."""

from ser.corpora.corpus import Corpus
from ser.errors import FoldError
from ser.folds.checks import check_fold
from ser.results import Fold


def rotation_folds(corpus: Corpus, scheme: str, parts: list[tuple[str, tuple[str, ...]]]) -> tuple[Fold, ...]:
    """Return one fold per part: it tests, the next one validates, all others train.

    Args:
        corpus: The corpus.
        scheme: Name of the scheme.
        parts: Name and speakers of each part, which together are all speakers.

    Returns:
        The folds, in the order of the parts.

    Raises:
        FoldError: There are fewer than three parts, or a fold breaks a guard.
    """
    if len(parts) < 3:
        listed = ", ".join(name for name, _ in parts)
        raise FoldError(f"{scheme} needs at least three parts of the corpus; {corpus.name} has {len(parts)} ({listed})")
    folds = []
    for index, (name, speakers) in enumerate(parts):
        _, validating = parts[(index + 1) % len(parts)]
        fold = Fold(
            index=index,
            name=name,
            scheme=scheme,
            test_speakers=speakers,
            validation_speakers=validating,
            training_speakers=tuple(speaker for speaker in corpus.speakers if speaker not in speakers + validating),
        )
        check_fold(corpus, fold)
        folds.append(fold)
    return tuple(folds)
