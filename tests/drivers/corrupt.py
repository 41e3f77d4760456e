"""Print a digest of every corruption of one image, at every severity."""

import hashlib

from drawing import draw
from lookalike.evaluation.corruptions import CORRUPTIONS, Context

image, context = draw(1, (96, 72)), Context(donor=draw(2, (50, 60)))
for corruption in CORRUPTIONS.values():
    for severity in corruption.severities:
        result = corruption.apply(image, severity, corruption.generator("an image", seed=7), context)
        print(corruption.name, severity, hashlib.sha256(result.tobytes()).hexdigest())
