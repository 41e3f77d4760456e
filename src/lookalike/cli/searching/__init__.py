"""The command ``lookalike search``: what it asks for, where, and how the answers are printed."""
