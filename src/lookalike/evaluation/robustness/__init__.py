"""How retrieval holds when pictures are damaged: the grid, the run, the figures."""
