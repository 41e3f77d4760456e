"""Readers of image formats: most through Pillow, deep samples and rare formats through libraries made for them."""
