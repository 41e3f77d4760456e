"""Drawings made of pixels: rankings, contact sheets and similarity matrices, as images."""
