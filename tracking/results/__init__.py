"""Results on disk: one file per finished fold."""
