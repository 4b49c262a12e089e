"""`ser report`."""
