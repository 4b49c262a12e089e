"""Timelines: who is silent when, and which emotion each stretch of speech has."""
