"""Learning speech emotions, one cross-validation fold at a time.

This package knows corpora, features, labels, folds, the model and its training. It knows neither
the tracker nor the sweep: `tracking` and `studies` build on it, never the other way round.
"""

import logging

# Where no log file is open, such as in a worker, nothing is printed on the terminal.
logging.getLogger("ser").addHandler(logging.NullHandler())
