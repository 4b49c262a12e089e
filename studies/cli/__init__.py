"""Command line `ser`: options and help in modules `commands`, one module per command body."""
