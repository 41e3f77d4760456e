"""Galleries: the embeddings of a folder of images, kept up to date with the folder and searched.

A gallery accesses its data through the ``Store`` protocol; ``local`` implements it with files in a local folder.
"""
