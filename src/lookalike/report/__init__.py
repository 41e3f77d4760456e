"""Figures and pages for people, JSON for programs; nothing is computed here."""
