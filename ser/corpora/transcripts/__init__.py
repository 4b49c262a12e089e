"""Words and voiced phonemes, counted in transcripts."""
