"""Folds computed on a Ray cluster."""
