"""Study and its search: session, points, sampling and pruning."""
