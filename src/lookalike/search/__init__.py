"""A query, the similarity of vectors, and the ranking that comes of both.

It works on arrays: which gallery they come from, and how that is stored, is unknown here.
"""
