"""Robustness: how well retrieval works when images are corrupted.

``grid`` lists the cells (corruption x severity), ``runner`` encodes the corrupted images, ``scoring`` ranks them, and
``robustness`` puts the results together.
"""
