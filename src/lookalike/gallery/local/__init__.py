"""The store in a folder: SQLite says which pictures exist, an append-only file beside it holds their vectors."""
