"""From files to upright RGB pixels: the walk through a folder, the formats that are read, decoding, thumbnails.

What is wrong with a file is said here, in a phrase and a kind; nothing here knows encoders or galleries.
"""
