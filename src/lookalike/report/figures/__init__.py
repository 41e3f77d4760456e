"""Figures as SVG, drawn from numbers that are given: each stands alone as a file, and fits into a page as it is."""
