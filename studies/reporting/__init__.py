"""Reports of studies: context, importances of settings, and updates while studies run."""
