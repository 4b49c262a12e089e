"""Figures of reports and corpora: their data, and their drawing."""
