"""The command `ser`: one file a command group, thin; the work is done in the rooms below."""
