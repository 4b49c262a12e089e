"""Every tag, parameter, metric and artifact name in MLflow, in one place."""

from typing import Literal

Kind = Literal["study", "trial", "fold"]

# Tags. `ser.kind`, `ser.study` and the digests find runs again; nothing is ever found by its name.
KIND = "ser.kind"
STUDY = "ser.study"
RECIPE = "ser.recipe"
ATTENTION = "ser.attention"
LABELS = "ser.labels"
SCOPE = "ser.scope"
CRITERION = "ser.criterion"
SEED = "ser.seed"
TRIAL_ID = "ser.trial_id"
FOLD_IDENTITY = "ser.fold_identity"
FOLD_NAME = "ser.fold"
MODEL = "ser.model"
"""Digest of the configuration: equal for all folds of equal trials, in any study and fold scheme."""
CORPUS = "ser.corpus"
CORPUS_DIGEST = "ser.corpus_digest"
SYNTHETIC = "ser.synthetic_speech"
"""'true' where the corpus's speech was made by a program."""
FEATURES_DIGEST = "ser.features_digest"
SCHEME = "ser.fold_scheme"
RESULTS_VERSION = "ser.results_version"
GIT_COMMIT = "ser.git_commit"
GIT_DIRTY = "ser.git_dirty"
PROCESSOR = "ser.processor"
REUSED_FROM = "ser.reused_from"
REUSED_FOLDS = "ser.reused_folds"
FAILURE = "ser.failure"
PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"

# Metrics of scores; per-epoch metrics carry the names of the fold's curve.
TEST_UA = "test_ua"
TEST_WA = "test_wa"
VALIDATION_UA = "validation_ua_selected"
VALIDATION_WA = "validation_wa_selected"
POOLED_UA = "pooled_test_ua"
POOLED_WA = "pooled_test_wa"
MEAN_VALIDATION_UA = "mean_validation_ua"
FOLD_MEAN_UA = "fold_mean_test_ua"
FOLD_SD_UA = "fold_sd_test_ua"
FOLD_MEAN_WA = "fold_mean_test_wa"
FOLD_SD_WA = "fold_sd_test_wa"
FOLDS = "folds"
FOLD_DURATION_S = "fold_duration_s"
CAPPED_SHARE = "capped_target_share"
UNDECIDED_SHARE = "undecided_share"
BASELINE_UA = "logistic_regression_pooled_test_ua"
BASELINE_WA = "logistic_regression_pooled_test_wa"

# Artifacts.
TRAINED_FOLD = "fold.safetensors"
PREDICTIONS = "predictions.csv"
CONFUSION_NUMBERS = "confusion.csv"
CONFUSION_PICTURE = "confusion.png"
TRIAL_RESULT = "trial.json"
BASELINE_RESULT = "baseline.json"
SKIPPED = "skipped.json"
UTTERANCES = "utterances.csv"


def fold_run_name(index: int, name: str) -> str:
    """Name of a fold's run, such as 'fold 03 · Ses02F'; folds count from 1."""
    return f"fold {index + 1:02d} · {name}"
