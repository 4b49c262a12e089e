"""Parts of all tables: columns and cells, formatting of values, and export."""
