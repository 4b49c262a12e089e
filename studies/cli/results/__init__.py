"""`ser results`."""
