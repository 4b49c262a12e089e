"""Plans of studies, with their options, recipes and search spaces."""
