"""The experiments: how well an encoder retrieves, encoders side by side, and how retrieval holds under damage."""
