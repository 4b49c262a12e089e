"""Corpora by name: their label files, and their audio opened once.

Nothing is imported here: a worker needs what a corpus is (`base`), and starts sooner without the loaders.
"""
