"""Bring a gallery up to date: compare it with its folder, read what differs, decide what is gone, switch encoders."""
