"""Encoders: from pictures to unit vectors.

A name leads through one way: the catalogue or a checkpoint finds the weights file, the library that wrote it is
identified, its rules become a spec, the graph is built, a runtime loads it.
"""
