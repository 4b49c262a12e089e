"""Rate at which a coordinator records folds (`make recording`)."""
