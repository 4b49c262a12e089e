"""Results read back from MLflow."""
