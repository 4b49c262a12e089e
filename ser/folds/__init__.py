"""Speaker-disjoint cross-validation: who tests, who validates, who trains; one scheme a file."""

from ser.folds.guards import check_fold, split_indices
from ser.folds.schemes import make_folds, parse_scheme
from ser.folds.speakers import speaker_folds

__all__ = ["check_fold", "make_folds", "parse_scheme", "speaker_folds", "split_indices"]
