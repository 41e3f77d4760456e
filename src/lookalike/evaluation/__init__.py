"""The experiments: how well an encoder retrieves, encoders side by side, and how retrieval holds under damage.

Data leads to rankings, rankings to scores with intervals, and scores to what each experiment found.
"""
