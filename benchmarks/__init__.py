"""Measurements of speed and memory: ``python -m benchmarks`` (or ``make bench``).

Every speed is a ratio of two things measured alternately in one run, because absolute values depend more on the machine
than on the program. A missed target is marked in its line; no benchmark fails. docs/measurements.md contains the
results and the conclusions from them.
"""
