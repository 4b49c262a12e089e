"""Databases in audEERING's audformat."""
