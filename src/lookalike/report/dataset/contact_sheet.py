"""A dataset's contact sheet as one image: a row of images for each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PIL import Image

from lookalike.errors import ImageError
from lookalike.images.decode import open_image
from lookalike.report.rasters.contact_sheet import contact_sheet
from lookalike.text import printable

if TYPE_CHECKING:
    from lookalike.evaluation.data.dataset import Row
    from lookalike.evaluation.experiments.inspect import DatasetInspection

_CELL: Final = 160
# A sheet of so many rows is some 15,000 pixels high; the limit of JPEG is 65,535.
_CLASSES: Final = 100


def dataset_contact_sheet(display: DatasetInspection) -> Image.Image:
    """The images of ``display.contact_sheet``, RGB, a row for each class; of more than 100 classes, the largest."""
    by_size = sorted(display.classes, key=lambda label: (-display.classes[label].images, label))
    rows = [
        (
            f"{printable(label)} ({display.classes[label].images:,})",
            [("", small) for row in display.contact_sheet[label] if (small := _thumbnail(display, row)) is not None],
        )
        for label in sorted(by_size[:_CLASSES])
    ]
    return contact_sheet([row for row in rows if row[1]], cell=_CELL, title=printable(display.dataset.name))


def _thumbnail(display: DatasetInspection, row: Row) -> Image.Image | None:
    try:
        pixels = open_image(display.dataset.file(row), min_side=_CELL).pixels
    except ImageError:  # it was readable when it was embedded
        return None
    small = pixels.copy()
    small.thumbnail((2 * _CELL, 2 * _CELL), Image.Resampling.LANCZOS)
    return small
