"""Dispatch of folds, retries, and the recording of results."""
