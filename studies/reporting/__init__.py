"""Reports of studies, built and kept up to date."""
