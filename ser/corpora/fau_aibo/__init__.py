"""FAU Aibo Emotion Corpus."""
