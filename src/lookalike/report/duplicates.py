"""Groups of duplicates: a page with thumbnails, JSON and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from lookalike.gallery.contents.duplicates import Duplicate, DuplicateGroup
from lookalike.report.document.blocks import Document, ImageGroups
from lookalike.report.document.elements import Frame, Phrase, Picture
from lookalike.report.document.html import page
from lookalike.report.document.json import csv_text, path_fields, utf8
from lookalike.text import bytes_text, plural

VERSION: Final = 1

_SIDE: Final = 320
_MOST_GROUPS: Final = 500
"""How many groups a page shows; thumbnails of more would make it too large to open."""
_MOST_IMAGES: Final = 6
"""How many images of a group a page shows."""


def word_for(group: DuplicateGroup, number: int, threshold: float) -> str:
    """What the image at this place in a group is, compared with the first, the largest."""
    one = group.images[number]
    if number == 0:
        return "largest"
    if one.is_identical:
        return "identical"
    return "copy" if one.score >= threshold else "linked"


def summary(groups: Sequence[DuplicateGroup]) -> str:
    """How many groups there are, of how many files, and the space that all but the largest files take."""
    files = plural(sum(len(group.images) for group in groups), "file")
    spare = bytes_text(sum(group.spare for group in groups))
    return f"{plural(len(groups), 'group')} of {files}; the files beside the largest of each group take {spare}"


def duplicates_json(gallery: Path, root: Path, threshold: float, groups: Sequence[DuplicateGroup]) -> dict[str, Any]:
    """The groups; ``largest`` of each is the first. Sizes are in bytes, paths relative to ``root``."""
    return {
        "version": VERSION,
        "gallery": path_fields(gallery)["path"],
        "root": path_fields(root)["path"],
        "threshold": threshold,
        "groups": [
            {
                "bytes": group.size,
                "spare_bytes": group.spare,
                "images": [
                    {
                        "id": one.image.id,
                        **path_fields(one.image.path),
                        "match": word_for(group, number, threshold),
                        "score": one.score,
                        "bytes": one.image.size,
                    }
                    for number, one in enumerate(group.images)
                ],
            }
            for group in groups
        ],
    }


def duplicates_csv(threshold: float, groups: Sequence[DuplicateGroup]) -> str:
    r"""A line for each file of each group. Bytes of paths that aren't UTF-8 appear as ``\xff``."""
    return csv_text(
        ("group", "match", "score", "bytes", "path", "file"),
        (
            (
                place,
                word_for(group, number, threshold),
                one.score,
                one.image.size,
                utf8(one.image.path),
                utf8(str(one.image.file)),
            )
            for place, group in enumerate(groups, 1)
            for number, one in enumerate(group.images)
        ),
    )


def duplicates_page(root: Path, threshold: float, groups: Sequence[DuplicateGroup]) -> str:
    """HTML with the images of each group, the largest file first; at most 500 groups."""
    shown = groups[:_MOST_GROUPS]
    rest = f" The first {_MOST_GROUPS} are shown." if len(groups) > len(shown) else ""
    return page(
        Document(
            kind="Duplicates",
            title=plural(len(groups), "group"),
            lead=f"{summary(groups)}. Nothing was deleted.{rest}",
            blocks=(ImageGroups(tuple(_card(group, threshold) for group in shown)),),
            made_with=(
                ("Copies", f"images with a cosine from {threshold:g} on, directly or by way of others (linked)"),
                ("Images", f"in {root}"),
            ),
        )
    )


def _card(group: DuplicateGroup, threshold: float) -> tuple[tuple[Frame, ...], str]:
    """The first images of a group, and a remark."""
    more = len(group.images) - _MOST_IMAGES
    remark = f"{plural(len(group.images), 'file')}, {bytes_text(group.size)}"
    frames = tuple(_frame(group, number, threshold) for number in range(min(len(group.images), _MOST_IMAGES)))
    return frames, f"{remark}; {more:,} more are not shown" if more > 0 else remark


def _frame(group: DuplicateGroup, number: int, threshold: float) -> Frame:
    one: Duplicate = group.images[number]
    score = () if number == 0 else (Phrase(f"{one.score:.3f}", "strong"),)
    return Frame(
        Picture(one.image.file, _SIDE, one.image.path),
        caption=(*_file_name(one.image.path), Phrase(bytes_text(one.image.size), "soft")),
        file=one.image.file,
        head=(Phrase(word_for(group, number, threshold), "soft"), *score),
    )


def _file_name(path: str) -> tuple[Phrase, ...]:
    """A path for a caption: the name of the file, and its folder in small print."""
    folder, _, name = path.rpartition("/")
    return (Phrase(name, "strong"), *([Phrase(folder, "path")] if folder else []))
