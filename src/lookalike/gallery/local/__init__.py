"""The store in a local folder: a SQLite database of images and metadata, and an append-only file of their vectors.

Sessions manage locks and transactions; tables, the log of changes, the vector file, replacements of the encoder and
compaction build on them, and a scan searches the vectors. Galleries of earlier formats are read and migrated in
``older``.
"""
