"""The report of a dataset: its blocks, its contact sheet as one image, and its JSON."""
