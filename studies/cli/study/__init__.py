"""`ser study`."""
