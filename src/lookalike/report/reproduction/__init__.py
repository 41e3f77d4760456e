"""The report on both published experiments: the document, its comparison, its robustness, and its rankings."""
