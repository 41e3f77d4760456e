"""Image files: walking a folder, the supported formats, decoding to upright RGB, and thumbnails.

A file that can't be used gets a reason and a kind here. Nothing in this package depends on encoders or galleries.
"""
