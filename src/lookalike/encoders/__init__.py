"""Encoders turn images and texts into unit vectors.

Loading an encoder has five steps: find the weights file, identify the library that wrote it, read that library's
rules into a spec, build the graph, and load it in a runtime.
"""
