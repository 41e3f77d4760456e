"""Checkpoints: which network a weights file contains, and which settings belong to it.

Both are read from the tensors and from the config files that the library of the checkpoint wrote beside them.
"""
