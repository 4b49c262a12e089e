"""Speaker-disjoint cross-validation: which speakers test, validate and train; one scheme per file."""

from ser.folds.checks import check_fold, split_indices
from ser.folds.leave_one_speaker_out import speaker_folds
from ser.folds.schemes import make_folds, parse_scheme
from ser.folds.unused_columns import describe_unused_columns

__all__ = ["check_fold", "describe_unused_columns", "make_folds", "parse_scheme", "speaker_folds", "split_indices"]
