"""Make ``tests/data/turned.heic``, an image of four quarters that is stored rotated, as by phones.

It needs ``pip install pillow-heif``, whose wheels contain an encoder under the GPL. Lookalike only decodes HEIC, so
the resulting file is stored in the repository instead.
"""

import sys
from pathlib import Path

import pillow_heif
from PIL import Image

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from drawing import quarters  # noqa: E402  needs the path above

pillow_heif.register_heif_opener()
exif = Image.Exif()
exif[0x0112] = 6
quarters((96, 64)).transpose(Image.Transpose.ROTATE_90).save(
    TESTS / "data" / "turned.heic", exif=exif.tobytes(), quality=90
)
