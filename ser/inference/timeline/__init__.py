"""Timelines of long recordings: where speech is, and which emotion is heard when."""
