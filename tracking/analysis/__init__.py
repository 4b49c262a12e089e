"""What trials mean: scores over folds, tests between variants, pictures and the report."""
