"""Studies in Optuna: points, sampling and pruning."""
