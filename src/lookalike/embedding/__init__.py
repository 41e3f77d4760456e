"""Embed files: they are read and decoded in processes of their own, ahead of the encoder, which runs in batches."""
