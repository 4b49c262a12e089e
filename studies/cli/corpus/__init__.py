"""`ser corpus`."""
