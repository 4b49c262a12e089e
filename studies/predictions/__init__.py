"""Predictions of a model as files that other programs read, and as pages."""
