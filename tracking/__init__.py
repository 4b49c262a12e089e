"""MLflow runs of studies, and the analysis of their results."""
