"""How many folds a coordinator records a second (`make recording`)."""
