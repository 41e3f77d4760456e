"""Metrics of rankings, chance levels, confidence intervals, retention and significance tests, all on plain arrays.

Docstrings give the formulas and their sources; ``docs/statistics.md`` has the simulations behind the intervals.
"""
