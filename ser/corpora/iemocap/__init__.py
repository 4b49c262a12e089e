"""IEMOCAP: options, parsers and loader."""
