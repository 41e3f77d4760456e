"""Make ``tests/data/turned.heic``, a drawing of four quarters stored lying on its side, as phones store theirs.

It needs ``pip install pillow-heif``, whose wheels carry an encoder under the GPL; Lookalike itself only decodes, so
the few bytes that it gives are stored instead. The drawing is our own.
"""

import sys
from pathlib import Path

import pillow_heif
from PIL import Image

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from drawing import quarters  # noqa: E402  only now can it be found

pillow_heif.register_heif_opener()
exif = Image.Exif()
exif[0x0112] = 6
quarters((96, 64)).transpose(Image.Transpose.ROTATE_90).save(
    TESTS / "data" / "turned.heic", exif=exif.tobytes(), quality=90
)
