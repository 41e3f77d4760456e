"""Exact rankings of a gallery for many queries, and near duplicates.

Scores are independent of the order of summation, and ties are in a seeded random order, so that rankings are the same
on every machine.
"""
