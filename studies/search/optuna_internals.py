"""All that this project uses of Optuna beyond its documented interface; written for Optuna 5.0.

An upgrade may change any of it without notice: `tests/test_private_parts.py` tells which.
"""

import optuna
from optuna.trial import FrozenTrial


def trial_by_number(study: optuna.Study, number: int) -> FrozenTrial:
    """Read one trial without reading all others, as `optuna.Study.tell` does."""
    storage = study._storage
    return storage.get_trial(storage.get_trial_id_from_study_id_trial_number(study._study_id, number))


def open_trial(study: optuna.Study, trial: FrozenTrial) -> optuna.Trial:
    """Open a running trial for reports and attributes; Optuna itself opens only the trials that it proposes."""
    return optuna.Trial(study, trial._trial_id)
