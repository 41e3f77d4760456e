"""The SQLite database of a local gallery: its schema and versions, and reading and writing its tables."""
