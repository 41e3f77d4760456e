"""Retrieval experiments on labelled images: evaluate one encoder, compare encoders, measure robustness.

A dataset is embedded, its gallery is ranked for every query, rankings become metrics with confidence intervals, and
each experiment returns its results.
"""
