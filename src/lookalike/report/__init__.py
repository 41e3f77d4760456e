"""Pages for people and JSON for programs, one module an experiment; nothing is computed here."""
