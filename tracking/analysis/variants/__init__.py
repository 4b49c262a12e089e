"""Variants: trials grouped, pooled over folds and scored."""
