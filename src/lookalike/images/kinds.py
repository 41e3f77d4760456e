"""The kinds of files that are passed over because they are not images that can be read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from lookalike.images.formats import RAW_EXTENSIONS


class PassedOver(StrEnum):
    """Why files and folders are passed over without being opened."""

    RAW = "raw"
    VIDEO = "video"
    DOCUMENT = "document"
    OTHER_IMAGE = "other-image"
    OTHER = "other"
    HIDDEN = "hidden"
    SYSTEM = "system"
    EXCLUDED = "excluded"


_BY_KIND: Final = {
    PassedOver.VIDEO: (
        ".3g2 .3gp .asf .avi .divx .dv .f4v .flv .insv .lrv .m2ts .m2v .m4v .mkv .mod .mov .mp4 .mpeg .mpg .mts .mxf "
        ".ogv .qt .rm .rmvb .tod .ts .vob .webm .wmv"
    ),
    PassedOver.DOCUMENT: (
        ".csv .doc .docx .epub .htm .html .key .md .odp .ods .odt .pages .pdf .ppt .pptx .rtf .tex .txt .xls .xlsx .xps"
    ),
    PassedOver.OTHER_IMAGE: (
        ".ai .bpg .cdr .cr .dcm .dds .djvu .dwg .dxf .emf .eps .exr .fit .fits .fts .hdr .icns .iff .indd .jbig .jbig2 "
        ".jng .jxr .kra .mng .nii .nrrd .ora .pcd .pcx .pic .pict .ps .psb .psd .pxr .qoi .ras .sgi .svg .svgz "
        ".wdp .wmf .xbm .xcf .xpm"
    ),
}
KIND_BY_EXTENSION: Final[Mapping[str, PassedOver]] = {
    **dict.fromkeys(sorted(RAW_EXTENSIONS), PassedOver.RAW),
    **{extension: kind for kind, extensions in _BY_KIND.items() for extension in extensions.split()},
}
"""The kind of file that belongs to each extension (lower case) that is not read; all others are ``OTHER``."""

_NAMES: Final = {
    PassedOver.RAW: ("RAW photo", "RAW photos"),
    PassedOver.VIDEO: ("video", "videos"),
    PassedOver.DOCUMENT: ("document", "documents"),
    PassedOver.OTHER_IMAGE: ("image of another format", "images of other formats"),
    PassedOver.OTHER: ("other file", "other files"),
    PassedOver.HIDDEN: ("hidden item", "hidden items"),
    PassedOver.SYSTEM: ("system folder", "system folders"),
    PassedOver.EXCLUDED: ("excluded item", "excluded items"),
}


def kind_of(path: str) -> PassedOver:
    """The kind of a file that is passed over, by its extension."""
    return KIND_BY_EXTENSION.get(os.path.splitext(path)[1].lower(), PassedOver.OTHER)  # noqa: PTH122  one of many


def in_words(passed_over: Mapping[PassedOver, int]) -> str:
    """The counts as text, such as "212 RAW photos, 1 video"; empty if nothing was passed over."""
    counted = ((kind, passed_over.get(kind, 0)) for kind in PassedOver)
    return ", ".join(f"{count:,} {_NAMES[kind][count != 1]}" for kind, count in counted if count)
