"""A durable queue of results in front of MLflow."""
