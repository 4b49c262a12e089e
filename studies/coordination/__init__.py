"""The coordinator, which dispatches folds and records their results."""
