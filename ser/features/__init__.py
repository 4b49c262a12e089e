"""Log-mel features: computed once a corpus, mapped from disk, normalised and stacked on the way out."""
