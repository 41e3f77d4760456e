"""Encoders: from pictures to unit vectors."""
