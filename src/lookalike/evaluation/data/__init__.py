"""Labelled datasets: read from folders or a CSV, sampled by seed, and embedded, with an optional cache on disk.

``relevance`` defines which gallery images are relevant to a query, which are wrong and which are junk.
"""
