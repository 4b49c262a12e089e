"""Writing a study into MLflow."""
