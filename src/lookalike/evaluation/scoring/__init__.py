"""From rankings to the metrics of one encoder on one dataset.

``score`` computes the metrics under one junk rule; ``results`` defines what an evaluation returns, including excluded
queries with reasons; ``checks`` raises errors for settings that would make metrics meaningless.
"""
