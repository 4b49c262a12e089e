"""Learning speech emotions, one cross-validation fold at a time.

This package knows corpora, features, labels, folds, the model and its training. It knows neither
the tracker nor the sweep: `tracking` and `studies` build on it, never the other way round.
"""
