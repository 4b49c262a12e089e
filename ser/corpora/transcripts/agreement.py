"""Agreement of grapheme-to-phoneme counts with a corpus's own phonetic labels."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser.corpora.corpus import IMPUTED, UNKNOWN, Corpus, Utterance
from ser.corpora.transcripts.counts import GRAPHEME_TO_PHONEME, voiced_phonemes_in

NOT_COUNTED = frozenset({UNKNOWN, GRAPHEME_TO_PHONEME, IMPUTED})
"""Sources of voiced phonemes that were not counted in the recording."""


@dataclass(frozen=True)
class Agreement:
    """Voiced phonemes of transcripts, by grapheme-to-phoneme conversion, against counted ones.

    Conversion gives dictionary pronunciations; speakers omit and merge sounds, so that it usually
    counts more.

    Attributes:
        utterances: Number of utterances compared.
        mean_absolute_error: Mean of the absolute differences, in voiced phonemes per utterance.
        mean_difference: Mean of converted less counted, in voiced phonemes per utterance.
        correlation: Pearson's correlation over utterances, or None where one side does not vary.
    """

    utterances: int
    mean_absolute_error: float
    mean_difference: float
    correlation: float | None


def transcript_agreement(corpus: Corpus) -> Agreement | None:
    """Compare the voiced phonemes of a corpus's transcripts with those that its labels count.

    Returns:
        The agreement over all utterances that have both, or None where there are none.

    Raises:
        CorpusError: eSpeak NG is not installed, or cannot convert the corpus's language.
    """
    by_language: dict[str, dict[str, list[Utterance]]] = defaultdict(lambda: defaultdict(list))
    for utterance in corpus.utterances:
        if utterance.transcript is not None and utterance.voiced_phonemes_source not in NOT_COUNTED:
            by_language[utterance.language or corpus.language][utterance.transcript].append(utterance)
    converted: list[int] = []
    counted: list[int] = []
    for language, by_transcript in by_language.items():
        counts = voiced_phonemes_in(list(by_transcript), language)
        for count, group in zip(counts, by_transcript.values(), strict=True):
            labelled = [utterance.voiced_phonemes for utterance in group if utterance.voiced_phonemes is not None]
            converted += [count] * len(labelled)
            counted += labelled
    return _agreement(np.asarray(converted, dtype=np.float64), np.asarray(counted, dtype=np.float64))


def _agreement(converted: NDArray[np.float64], counted: NDArray[np.float64]) -> Agreement | None:
    if not len(counted):
        return None
    differences = converted - counted
    vary = converted.std() > 0 and counted.std() > 0
    return Agreement(
        utterances=len(counted),
        mean_absolute_error=float(np.abs(differences).mean()),
        mean_difference=float(differences.mean()),
        correlation=float(np.corrcoef(converted, counted)[0, 1]) if vary else None,
    )
