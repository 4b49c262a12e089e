"""Frames of front ends: computed once per corpus, mapped from disk, normalised and stacked on the way out."""
