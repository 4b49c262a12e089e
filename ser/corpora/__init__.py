"""Corpora: label files and audio.

Nothing is imported here: workers need the records (`corpus`) only, and start sooner without the loaders.
"""
