"""The report of a robustness run: definitions, figures, tables, the document, its JSON and its CSV."""
