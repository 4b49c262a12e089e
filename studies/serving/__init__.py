"""Server that recognises emotions in recordings, for this machine's own browser and programs."""
