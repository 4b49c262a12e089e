"""One line of `ser corpus check`: how well transcripts alone would give the corpus's phoneme counts."""

from ser.corpora.agreement import transcript_agreement
from ser.corpora.base import Corpus
from ser.errors import CorpusError


def agreement_line(corpus: Corpus) -> str | None:
    """How grapheme-to-phoneme conversion agrees with the corpus's own voiced phonemes.

    Args:
        corpus: The corpus.

    Returns:
        One line; None where no utterance has both a transcript and counted voiced phonemes.
    """
    what = "voiced phonemes by grapheme-to-phoneme, against those counted"
    try:
        agreement = transcript_agreement(corpus)
    except CorpusError as error:
        return f"{what}: not compared, {error}"
    if agreement is None:
        return None
    correlation = "undefined" if agreement.correlation is None else f"{agreement.correlation:.3f}"
    return (
        f"{what}: {agreement.utterances} utterances, mean absolute error {agreement.mean_absolute_error:.2f}, "
        f"mean difference {agreement.mean_difference:+.2f}, correlation {correlation}"
    )
