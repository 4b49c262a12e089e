"""Commands of `ser model`, and `ser predict`."""
