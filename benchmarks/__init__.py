"""How fast Lookalike is, and in how much memory: ``python -m benchmarks`` (or ``make bench``).

Every speed is a ratio of two things measured in turns in one run, with the machine's own limit beside it: a figure
alone says more about the machine than about the program. Nothing here fails: a target that is missed is a line that
says so. docs/measurements.md keeps what was measured, and what follows from it.
"""
