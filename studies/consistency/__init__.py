"""Checks and repairs of a study in Optuna, MLflow and on disk."""
