"""What a walk looks at: system folders, ignore files, patterns, and counts of what is passed over."""

from pathlib import Path

import pytest

from drawing import drawn
from lookalike.images.formats import EXTENSIONS
from lookalike.images.kinds import KIND_BY_EXTENSION, PassedOver, in_words, kind_of
from lookalike.images.selection import Selection
from lookalike.images.walk import find_images


def touched(root: Path, *paths: str) -> Path:
    """A folder with empty files at these paths."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def found(root: Path, exclude: tuple[str, ...] = (), include: tuple[str, ...] = ()) -> list[str]:
    """The paths of the images found."""
    return [file.path for file in find_images(root, selection=Selection(exclude, include)).files]


@pytest.mark.parametrize(
    "folder",
    [
        "@eaDir",
        "@EADIR",
        "@__thumb",
        "#recycle",
        "@Recycle",
        "#snapshot",
        ".zfs",
        ".snapshot",
        "$RECYCLE.BIN",
        "System Volume Information",
        ".Trash-1000",
        ".Trashes",
        "lost+found",
        "node_modules",
        "__MACOSX",
        ".thumbnails",
        "Catalog Previews.lrdata",
        "Photos Library.photoslibrary/resources",
        "Photos Library.photoslibrary/database",
    ],
)
def test_system_folders_are_passed_over(folder: str, tmp_path: Path):
    """Folders of file servers, systems and programs are left out at any depth and counted, unless they are included."""
    touched(tmp_path, "a.jpg", f"{folder}/x.jpg", f"2023/{folder}/y.jpg")
    contents = find_images(tmp_path)
    assert [file.path for file in contents.files] == ["a.jpg"]
    kind = PassedOver.HIDDEN if folder.startswith(".") else PassedOver.SYSTEM
    assert contents.passed_over == {kind: 2}
    name = folder.rpartition("/")[2]
    escaped = name.replace("#", "\\#").replace("$", "\\$")
    assert found(tmp_path, include=(escaped,)) == sorted(["a.jpg", f"{folder}/x.jpg", f"2023/{folder}/y.jpg"])


@pytest.mark.parametrize("originals", ["originals", "Masters", "Originals"])
def test_the_originals_of_a_photos_library_are_found(originals: str, tmp_path: Path):
    """Of Apple's libraries, the original images are found and no derivatives."""
    library = "My.photoslibrary"
    touched(tmp_path, f"{library}/{originals}/0/a.heic", f"{library}/resources/derivatives/a.jpg")
    assert found(tmp_path) == [f"{library}/{originals}/0/a.heic"]


def test_forked_files_of_macs_are_passed_over(tmp_path: Path):
    """Files named ._ hold no image but metadata of one."""
    touched(tmp_path, "a.jpg", "._a.jpg", ".DS_Store")
    contents = find_images(tmp_path)
    assert [file.path for file in contents.files] == ["a.jpg"]
    assert contents.passed_over == {PassedOver.HIDDEN: 2}


PATTERNS = [
    (("*.png",), ["a.jpg", "raw/b.jpg", "raw/keep/d.jpg"]),
    (("raw/",), ["a.jpg", "c.png"]),
    (("/c.png", "b.jpg"), ["a.jpg", "raw/keep/d.jpg"]),
    (("**/keep",), ["a.jpg", "c.png", "raw/b.jpg"]),
    (("*.jpg", "!a.jpg"), ["a.jpg", "c.png"]),
    (("raw/*", "!raw/keep/"), ["a.jpg", "c.png", "raw/keep/d.jpg"]),
    (("# a comment", "", "nothing"), ["a.jpg", "c.png", "raw/b.jpg", "raw/keep/d.jpg"]),
]


@pytest.mark.parametrize(("patterns", "expected"), PATTERNS)
@pytest.mark.parametrize("in_file", [False, True])
def test_patterns_have_the_form_of_gitignore(
    patterns: tuple[str, ...], expected: list[str], in_file: bool, tmp_path: Path
):
    """Patterns given as options and those in the ignore file of the root mean the same."""
    touched(tmp_path, "a.jpg", "c.png", "raw/b.jpg", "raw/keep/d.jpg")
    if in_file:
        (tmp_path / ".lookalikeignore").write_text("\n".join(patterns))
        assert found(tmp_path) == expected
    else:
        assert found(tmp_path, exclude=patterns) == expected


def test_ignore_files_hold_for_their_folder(tmp_path: Path):
    """The patterns of an ignore file are relative to its folder; an inner file overrides an outer one."""
    touched(tmp_path, "a.jpg", "b.jpg", "in/a.jpg", "in/b.jpg", "in/deep/a.jpg", "out/a.jpg")
    (tmp_path / ".lookalikeignore").write_text("b.jpg\n")
    (tmp_path / "in/.lookalikeignore").write_text("/a.jpg\n!b.jpg\n")
    assert found(tmp_path) == ["a.jpg", "in/b.jpg", "in/deep/a.jpg", "out/a.jpg"]
    assert found(tmp_path, exclude=("in/",), include=("b.jpg",)) == ["a.jpg", "b.jpg", "out/a.jpg"]


def test_what_is_excluded_is_counted(tmp_path: Path):
    """Every file is found, or counted as passed over by its kind; the ignore file itself is not."""
    touched(
        tmp_path, "a.jpg", "b.NEF", "c.cr2", "d.mp4", "e.MOV", "f.pdf", "g.psd", "h.xmp", "noname", "i.jpg", "k/l.jpg"
    )
    (tmp_path / ".lookalikeignore").write_text("i.jpg\nk/\n")
    contents = find_images(tmp_path)
    raw = 0 if ".nef" in EXTENSIONS else 2
    assert len(contents.files) == 3 - raw
    expected = {"raw": raw, "video": 2, "document": 1, "other-image": 1, "other": 2, "excluded": 2}
    assert contents.passed_over == {PassedOver(kind): count for kind, count in expected.items() if count}


def test_counts_in_words():
    """Counts are named in the singular and the plural, and in one order."""
    counts = {PassedOver.EXCLUDED: 1, PassedOver.RAW: 1212, PassedOver.VIDEO: 1, PassedOver.DOCUMENT: 4}
    assert in_words(counts) == "1,212 RAW photos, 1 video, 4 documents, 1 excluded item"
    assert in_words({}) == ""
    assert kind_of("x/A.MP4") == PassedOver.VIDEO
    assert not set(EXTENSIONS) & {extension for extension, kind in KIND_BY_EXTENSION.items() if kind != PassedOver.RAW}


def test_a_selection_is_read_back():
    """The lists kept in a gallery give the same selection."""
    selection = Selection(("a", "b/"), ("c",))
    assert Selection.from_lists(selection.to_lists()) == selection


def test_links_to_folders_inside_and_outside_end(tmp_path: Path):
    """Links in circles, and links to what is found anyway, list every image once."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    drawn(root / "a/x.png", 1)
    drawn(outside / "y.png", 2)
    (root / "a/up").symlink_to(root)
    (root / "twice").symlink_to(root / "a")
    (root / "out").symlink_to(outside)
    (outside / "back").symlink_to(root)
    (outside / "own").symlink_to(outside)
    (root / "zfile.png").symlink_to(root / "a/x.png")
    (root / "zother.png").symlink_to(outside / "y.png")
    assert found(root) == ["a/x.png", "out/y.png"]
