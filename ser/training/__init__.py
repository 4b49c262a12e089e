"""One fold: its data, its training and its scores."""
