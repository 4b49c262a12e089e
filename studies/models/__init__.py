"""Models made of a study's trained folds."""
