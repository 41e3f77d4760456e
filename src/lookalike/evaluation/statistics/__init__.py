"""Measures of rankings, what chance would score, and how sure a figure is. Arrays in, numbers out."""
