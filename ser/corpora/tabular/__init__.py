"""Corpora that are tables: the manifest, and what every table-shaped corpus shares."""
