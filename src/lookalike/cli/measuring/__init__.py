"""The commands that measure: datasets, experiments, reports."""
