"""Plain baseline: logistic regression on the means and deviations of an utterance's frames.

A sequence model has to beat it to be worth its cost. Nothing about it is tuned.
"""

import numpy as np
from numpy.typing import NDArray

from ser.config import Normalisation
from ser.corpora.corpus import Corpus
from ser.features.batches import MappedFeatures
from ser.features.normalization import fit_normalization
from ser.features.store import FeatureStore
from ser.folds import split_indices
from ser.results import BaselineResult, Evaluation, Fold

# Enough for the solver to converge on a few thousand utterances of 80 standardised features.
_ITERATIONS = 5000


def logistic_regression_baseline(
    corpus: Corpus, store: FeatureStore, folds: tuple[Fold, ...], normalisation: Normalisation
) -> BaselineResult:
    """Train and tests the baseline on the folds that the networks use.

    Features are standardised on the training speakers. Penalty and solver are scikit-learn's
    defaults (L2, C = 1, L-BFGS), so that there is nothing to select and the validation speaker is
    not used.

    Args:
        corpus: The corpus, in the order of the store.
        store: Its raw frames.
        folds: The folds.
        normalisation: Normalisation of the frames.

    Returns:
        Test decisions of every fold.

    Raises:
        FoldError: A fold breaks a guard of `ser.folds.check_fold`.
    """
    actual = np.asarray([corpus.emotions.index(utterance.emotion) for utterance in corpus.utterances])
    return BaselineResult(
        name="logistic regression",
        corpus=corpus.identity,
        normalisation=normalisation,
        folds=folds,
        features=store.settings,
        tests=tuple(_test_fold(corpus, store, fold, normalisation, actual) for fold in folds),
    )


def _test_fold(
    corpus: Corpus, store: FeatureStore, fold: Fold, normalisation: Normalisation, actual: NDArray[np.int64]
) -> Evaluation:
    # Only here: every start of a study would wait for more than a second, and most need no baseline.
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    training, _, test = split_indices(corpus, fold)
    speakers = [utterance.speaker for utterance in corpus.utterances]
    view = MappedFeatures(store, fit_normalization(store, speakers, normalisation, fold.training_speakers), stack=1)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=_ITERATIONS))
    model.fit(_utterance_functionals(view, training), actual[training])
    # The columns are the classes in order, since every class is among the training utterances.
    scores = model.predict_proba(_utterance_functionals(view, test))
    tested = [corpus.utterances[index] for index in test]
    return Evaluation(
        utterances=tuple(utterance.id for utterance in tested),
        speakers=tuple(utterance.speaker for utterance in tested),
        sessions=tuple(utterance.session for utterance in tested),
        actual=tuple(actual[test].tolist()),
        predicted=tuple(scores.argmax(axis=1).tolist()),
        scores=tuple(tuple(row) for row in scores.tolist()),
    )


def _utterance_functionals(view: MappedFeatures, indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean and deviation of each band over each utterance, shape `(utterance, 2 * mel)`."""
    rows = []
    for index in indices:
        frames = view.batch([int(index)])[0][0].numpy().astype(np.float64)
        rows.append(np.concatenate([frames.mean(axis=0), frames.std(axis=0)]))
    return np.stack(rows)
