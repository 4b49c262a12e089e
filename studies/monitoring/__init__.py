"""Progress of studies, for the terminal, status files and the dashboard."""
