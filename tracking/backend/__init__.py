"""MLflow's client, its queries and artifacts, and its errors in plain words."""
