"""Search: recipes, the space of variants, the coordinator, its executors and the command line."""
