"""Durable queue of results in front of MLflow."""
