"""Comparison of runs with their results, and restoration of what somebody has deleted in MLflow."""
