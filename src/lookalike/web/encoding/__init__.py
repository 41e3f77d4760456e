"""Encode the images of queries: uploads, a process that decodes them, and batches of several requests."""
