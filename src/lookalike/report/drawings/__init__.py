"""Drawings of values and methods, as SVG."""
