"""Checks and repairs of what Optuna, MLflow and the disk say of a study."""
