"""How often each statistical test errs (`make simulate`)."""
