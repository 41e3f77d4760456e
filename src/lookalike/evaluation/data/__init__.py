"""Labelled photographs: read, sampled, embedded; and which of them are right for which."""
