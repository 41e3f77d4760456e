"""The command line with a small CLIP instead of ``clip-vit-b-32-256``: ``small_clip.py WEIGHTS GOLDEN ...``.

``WEIGHTS`` is the file on the hub; ``GOLDEN`` is ``right`` or ``wrong``, whether its golden values are correct.
"""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

from lookalike.cli.main import main
from lookalike.encoders import catalog, golden
from lookalike.encoders.catalog import HubFile
from lookalike.encoders.encoder import load_encoder

NAME = "clip-vit-b-32-256"
content = Path(sys.argv[1]).read_bytes()
row = replace(
    catalog.find(NAME),
    dimension=128,
    preprocessing=replace(catalog.CLIP_224, resize=32, crop=32),
    source=HubFile("team/rail-clip", "open_clip_model.safetensors", "4afec35ffe57a943d569ff7ee888061830164da8"),
    sha256=hashlib.sha256(content).hexdigest(),
    size=len(content),
    clip=catalog.QUICK_GELU,
)
catalog.CATALOG = tuple(row if known.name == NAME else known for known in catalog.CATALOG)
if "verify" in sys.argv:
    values = load_encoder(sys.argv[1], activation="quickgelu").embed([golden.synthetic(1, 40, 30)])[0, :5]
    if sys.argv[2] == "wrong":
        values = -values
    golden.GOLDEN = {NAME: (golden.Golden(tuple(values.tolist()), 1e-4, seed=1, size=(40, 30)),)}
sys.exit(main(sys.argv[3:]))
