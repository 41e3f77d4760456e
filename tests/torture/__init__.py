"""Kills, power cuts, failing disks and damaged files: each a function that tries them, in any number.

``make torture`` tries many, and prints figures for docs/reliability.md; each test run tries a few.
"""
