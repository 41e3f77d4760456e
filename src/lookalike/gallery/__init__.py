"""Galleries: the embeddings of a folder of photographs, kept on disk and searched."""
