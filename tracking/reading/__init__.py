"""Reading results back from MLflow."""
