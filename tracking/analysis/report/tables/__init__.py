"""Tables of the report, and their export."""
