"""Measurements of `make bench`: training, features, workers, and the overhead of a study."""
