"""Classical baselines: a linear classifier on functionals, numbers that describe a whole utterance."""
