"""`ser features`."""
