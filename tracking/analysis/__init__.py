"""Analysis of trials: scores over folds, tests between variants, figures and the report."""
