"""The report of an evaluation: its blocks, its images, its JSON and its CSV."""
