"""Commands that look after a gallery's files."""
