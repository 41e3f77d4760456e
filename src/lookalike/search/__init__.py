"""Queries, cosine similarity, the search index, and rankings.

These modules work on arrays and don't know how a gallery is stored.
"""
