"""Drawings of values and images, as SVG or as one raster image."""
