"""What was done, and what it means: MLflow runs, the results table, and its analysis."""
