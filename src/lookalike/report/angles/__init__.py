"""The report of "same scene, other frame": what it measures, its blocks, its JSON and its CSV."""
