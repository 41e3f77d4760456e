"""Corruptions: named, deterministic damage to pictures, in five severities.

Every one is a pure function of the picture, the severity and the picture's own random numbers. It knows nothing of
datasets and encoders. Lengths are fractions of the shorter side, which is 512 pixels after :func:`standardise`.
"""

from lookalike.evaluation.corruptions.catalog import CORRUPTIONS, FAMILIES, find, of_family
from lookalike.evaluation.corruptions.corruption import SEVERITIES, Context, Corruption
from lookalike.evaluation.corruptions.draws import generator_for
from lookalike.evaluation.corruptions.standard import STANDARD_SIDE, standardise

__all__ = [
    "CORRUPTIONS",
    "FAMILIES",
    "SEVERITIES",
    "STANDARD_SIDE",
    "Context",
    "Corruption",
    "find",
    "generator_for",
    "of_family",
    "standardise",
]
