"""Corruptions: named, deterministic damage to images, in five severities.

Each is a pure function of the image, the severity and the image's random numbers; it depends on no dataset or encoder.
Lengths are fractions of the shorter side, which is 512 pixels after :func:`standardise`.
"""

from lookalike.evaluation.corruptions.catalog import CORRUPTIONS, FAMILIES, corruptions_of_family, find_corruption
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
    "corruptions_of_family",
    "find_corruption",
    "generator_for",
    "standardise",
]
