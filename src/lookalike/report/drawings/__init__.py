"""Drawings, from numbers that are given: as SVG, or as one image."""
