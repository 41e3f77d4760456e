"""The HTTP API: requests checked, answers made, errors told."""
