"""The store in a local folder: a SQLite database of images and metadata, and an append-only file of their vectors.

Sessions manage locks and transactions; tables, vector files and replacements of the encoder build on them.
"""
