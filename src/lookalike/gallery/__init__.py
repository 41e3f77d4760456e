"""Galleries: the embeddings of a folder of photographs, kept up to date and searched.

A gallery speaks to its store through a protocol; ``local`` is the store that is a folder on this machine.
"""
