"""Simulated error rates of the statistical tests (`make simulate`)."""
