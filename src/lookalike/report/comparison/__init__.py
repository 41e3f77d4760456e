"""The report of a comparison: its blocks, its tables and its JSON."""
