"""The command ``lookalike index``: the gallery that it opens or makes, the options kept there, and its summary."""
