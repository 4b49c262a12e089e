"""Variants compared with their baselines."""
