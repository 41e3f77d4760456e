"""Finding and opening image files, and the reasons why one can't be used."""

import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from lookalike import ImageError
from lookalike.images.files import FileStat, SkipKind, open_file, sha256
from lookalike.images.formats import EXTENSIONS
from lookalike.images.walk import find_images, has_images
from lookalike.text import printable

AsNobody = Callable[[], AbstractContextManager[None]]


def touch(path: Path) -> Path:
    """Create a file and its parent folders; its content doesn't matter here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"some bytes")
    return path


def image_paths(root: Path, leave_out: Path | None = None) -> list[str]:
    """The paths of the images; nothing may be skipped."""
    contents = find_images(root, leave_out=leave_out)
    assert contents.skipped == []
    return [image.path for image in contents.files]


def skip_kinds(root: Path) -> dict[str, SkipKind]:
    """The kind of every skipped path."""
    return {item.path: item.kind for item in find_images(root).skipped}


@pytest.mark.parametrize("name", [f"a{extension}" for extension in EXTENSIONS] + ["a.JPG", "a.Jpeg", "a.PnG", "a.HEIC"])
def test_image_extensions_are_case_insensitive(name: str, tmp_path: Path):
    """Every extension is recognised in lower and upper case."""
    touch(tmp_path / name)
    assert image_paths(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.txt", "jpg", ".jpg", "a.jpg.part", "a.jpg~", "a.svg", "a", "a.jpg "])
def test_other_files_are_ignored(name: str, tmp_path: Path):
    """Files without an image extension are neither found nor listed as skipped."""
    touch(tmp_path / name)
    assert image_paths(tmp_path) == []


def test_hidden_files_and_folders_are_ignored(tmp_path: Path):
    """Names that begin with a dot are ignored with everything below them."""
    for name in (".hidden.jpg", ".thumbnails/a.jpg", "sub/.cache/b.jpg", "sub/c.jpg"):
        touch(tmp_path / name)
    assert image_paths(tmp_path) == ["sub/c.jpg"]


def test_the_gallery_folder_is_ignored(tmp_path: Path):
    """The gallery's folder is not walked, whatever its name and also through a link."""
    for name in ("gallery/a.jpg", "b.jpg"):
        touch(tmp_path / name)
    (tmp_path / "link").symlink_to("gallery")
    assert image_paths(tmp_path, leave_out=tmp_path / "gallery") == ["b.jpg"]
    assert image_paths(tmp_path, leave_out=tmp_path / "not there") == ["b.jpg", "gallery/a.jpg"]


def test_the_searched_folder_itself_is_never_ignored(tmp_path: Path):
    """If the folder to leave out is the folder searched, its images are still found."""
    touch(tmp_path / "a.jpg")
    assert image_paths(tmp_path, leave_out=tmp_path) == ["a.jpg"]


def test_paths_are_sorted_by_their_bytes(tmp_path: Path):
    """Paths are sorted as bytes: upper case before lower case, and a folder's files by their full path."""
    names = ["B.jpg", "a-b.jpg", "a.jpg", "a/z.jpg", "a0.jpg", "z.jpg", "ä.jpg", "\U0001f600.jpg"]
    for name in reversed(names):
        touch(tmp_path / name)
    assert image_paths(tmp_path) == sorted(names, key=os.fsencode) == names


@pytest.mark.parametrize(
    "name",
    [b"two\nlines.jpg", b'it\'s "quoted".jpg', "\U0001f600 ünï.jpg".encode(), b"\xff\xfe.jpg", b" .jpg", b"a\\b.jpg"],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
def test_any_name_is_found_and_can_be_opened(name: bytes, tmp_path: Path):
    """Names with line breaks, quotes, emoji, backslashes or bytes that aren't UTF-8 work like any other."""
    folder = tmp_path / os.fsdecode(name)
    touch(folder / os.fsdecode(name))
    path = find_images(tmp_path).files[0].path
    assert os.fsencode(path) == name + b"/" + name
    with open_file(tmp_path / path) as file:
        assert file.read() == b"some bytes"
    assert len(printable(path).splitlines()) == 1
    printable(path).encode()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"plain.jpg", "plain.jpg"),
        (b"a\nb\tc\x1b[1m.jpg", "a\\nb\\tc\\x1b[1m.jpg"),
        (b"\xff.jpg", "\\xff.jpg"),
        ("\U0001f600 ü.jpg".encode(), "\U0001f600 ü.jpg"),
        ("\u202egpj.exe".encode(), "\\u202egpj.exe"),
    ],
)
def test_paths_are_printed_on_one_line(path: bytes, text: str):
    """Control characters and invalid bytes are escaped; everything else is unchanged."""
    assert printable(os.fsdecode(path)) == text


def test_a_link_to_a_file_outside_is_followed(tmp_path: Path):
    """An image reached only through a link has the link's name and the image's size."""
    target = touch(tmp_path / "outside" / "far.jpg")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "near.jpg").symlink_to(target)
    (image,) = find_images(tmp_path / "root").files
    assert image.path == "near.jpg"
    assert image.stat == FileStat.of(target.stat())


def test_the_target_of_links_is_found_once(tmp_path: Path):
    """A file or folder reached directly and through links is found once, directly; of two links, the first counts."""
    touch(tmp_path / "root" / "z" / "a.jpg")
    touch(tmp_path / "outside" / "b.jpg")
    root = tmp_path / "root"
    (root / "again.jpg").symlink_to(root / "z" / "a.jpg")
    (root / "folder").symlink_to("z")
    (root / "one").symlink_to(tmp_path / "outside")
    (root / "two").symlink_to(tmp_path / "outside")
    assert image_paths(root) == ["one/b.jpg", "z/a.jpg"]


def test_hard_links_are_separate_files(tmp_path: Path):
    """Two hard links to one file are two entries, like two copies."""
    touch(tmp_path / "a.jpg")
    os.link(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert image_paths(tmp_path) == ["a.jpg", "b.jpg"]


def test_cyclic_links_end(tmp_path: Path):
    """Links to a parent folder, to each other and to themselves don't cause endless walks."""
    touch(tmp_path / "a" / "a.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "here").symlink_to(".")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert image_paths(tmp_path) == ["a/a.jpg"]
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    assert skip_kinds(tmp_path) == {"self.jpg": SkipKind.BROKEN_LINK}


def test_a_link_to_a_folder_above_finds_what_is_there_once(tmp_path: Path):
    """A link to a parent of the searched folder adds the parent's other files, but not the folder itself again."""
    touch(tmp_path / "root" / "a.jpg")
    touch(tmp_path / "beside.jpg")
    (tmp_path / "root" / "up").symlink_to("..")
    assert image_paths(tmp_path / "root") == ["a.jpg", "up/beside.jpg"]


def test_broken_links_are_listed_if_they_may_lead_to_images(tmp_path: Path):
    """A broken link is listed if it has an image extension, or none, like a folder; other broken links are not."""
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "gone.txt").symlink_to("nowhere")
    assert skip_kinds(tmp_path) == {"gone": SkipKind.UNREADABLE_FOLDER, "gone.jpg": SkipKind.BROKEN_LINK}


def test_a_folder_named_like_an_image_is_listed_and_walked(tmp_path: Path):
    """The files in a folder named x.jpg are found, and the folder itself is listed as skipped."""
    touch(tmp_path / "x.jpg" / "inside.png")
    contents = find_images(tmp_path)
    assert [image.path for image in contents.files] == ["x.jpg/inside.png"]
    assert [(problem.path, problem.kind) for problem in contents.skipped] == [("x.jpg", SkipKind.FOLDER)]


def test_an_unreadable_folder_is_skipped_and_the_rest_found(tmp_path: Path, unprivileged: AsNobody):
    """A folder that can't be listed is skipped with a reason, and the walk continues."""
    touch(tmp_path / "closed" / "a.jpg")
    touch(tmp_path / "open" / "b.jpg")
    (tmp_path / "closed").chmod(0)
    with unprivileged():
        contents = find_images(tmp_path)
    (tmp_path / "closed").chmod(0o755)
    assert [image.path for image in contents.files] == ["open/b.jpg"]
    (problem,) = contents.skipped
    assert (problem.path, problem.kind) == ("closed", SkipKind.UNREADABLE_FOLDER)
    assert "Permission denied" in problem.reason


def test_a_folder_whose_files_cannot_be_accessed_is_unreadable(tmp_path: Path, unprivileged: AsNobody):
    """If names can be listed but files not accessed, the folder is skipped instead of each file being missing."""
    touch(tmp_path / "names" / "a.jpg")
    touch(tmp_path / "b.jpg")
    (tmp_path / "names").chmod(0o444)
    with unprivileged():
        problems = skip_kinds(tmp_path)
    (tmp_path / "names").chmod(0o755)
    assert problems == {"names": SkipKind.UNREADABLE_FOLDER}


def test_a_link_to_an_inaccessible_target_is_not_called_broken(tmp_path: Path, unprivileged: AsNobody):
    """A link into a folder without permission says that permission is missing."""
    touch(tmp_path / "closed" / "a.jpg")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.jpg").symlink_to(tmp_path / "closed" / "a.jpg")
    (tmp_path / "closed").chmod(0)
    with unprivileged():
        (problem,) = find_images(tmp_path / "root").skipped
    (tmp_path / "closed").chmod(0o755)
    assert "without read permission" in problem.reason


def test_an_unreadable_root_raises(tmp_path: Path, unprivileged: AsNobody):
    """If the searched folder itself can't be listed, OSError is raised."""
    with pytest.raises(FileNotFoundError):
        find_images(tmp_path / "not there")
    root = touch(tmp_path / "root" / "a.jpg").parent
    for mode in (0o000, 0o444):
        root.chmod(mode)
        with unprivileged(), pytest.raises(PermissionError):
            find_images(root)
    root.chmod(0o755)


def test_a_file_deleted_during_the_walk_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that is deleted between the listing and its stat is listed as skipped."""
    victim = touch(tmp_path / "a.jpg")
    real = os.scandir

    class Listing:
        """A folder listing that deletes the file before its stat."""

        def __init__(self, folder: Path) -> None:
            self.entries = list(real(folder))
            victim.unlink()

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Listing)
    assert skip_kinds(tmp_path) == {"a.jpg": SkipKind.VANISHED}


def test_progress_reports_the_number_found(tmp_path: Path):
    """The callback is called with the running number of images."""
    for number in range(3):
        touch(tmp_path / f"{number}.jpg")
    calls: list[int] = []
    find_images(tmp_path, progress=calls.append)
    assert calls == [1, 2, 3]


def test_has_images_looks_at_any_depth(tmp_path: Path):
    """A folder has images if there is an image file at any depth."""
    touch(tmp_path / "a.txt")
    assert not has_images(tmp_path)
    touch(tmp_path / "deep" / "down" / "a.jpg")
    assert has_images(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_rejected_without_blocking(tmp_path: Path):
    """Opening a named pipe without a writer fails immediately."""
    os.mkfifo(tmp_path / "x.jpg")
    with pytest.raises(ImageError) as caught:
        open_file(tmp_path / "x.jpg")
    assert caught.value.kind == SkipKind.SPECIAL


@pytest.mark.skipif(os.name == "nt", reason="Windows has no socket files")
def test_a_socket_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A socket can't be opened as an image."""
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("x.jpg")
        with pytest.raises(ImageError) as caught:
            open_file("x.jpg")
    assert caught.value.kind == SkipKind.UNREADABLE


def test_a_file_without_permission_is_rejected(tmp_path: Path, unprivileged: AsNobody):
    """The reason says that the read permission is missing."""
    touch(tmp_path / "x.jpg").chmod(0)
    with unprivileged(), pytest.raises(ImageError) as caught:
        open_file(tmp_path / "x.jpg")
    assert caught.value.reason == "no read permission"


@pytest.mark.parametrize("name", ["a" * 300 + ".jpg", "file/x.jpg"])
def test_impossible_paths_are_rejected(name: str, tmp_path: Path):
    """A name that is too long and a path through a file raise ImageError."""
    touch(tmp_path / "file")
    with pytest.raises(ImageError) as caught:
        open_file(tmp_path / name)
    assert caught.value.kind == SkipKind.UNREADABLE


def test_a_digest_leaves_the_file_at_its_start(tmp_path: Path):
    """The SHA-256 covers the whole file whatever the current position."""
    with open_file(touch(tmp_path / "x.jpg")) as file:
        file.read(3)
        digest = sha256(file)
        assert file.tell() == 0
    assert digest.hex() == "0d22cdcc10e6d049dbe1af5123d50873fdfc1a4f58306e58cb6241be9472014d"


@pytest.mark.parametrize("nanoseconds", [10**19, -(10**18), 0])
def test_extreme_dates_fit_into_the_database(nanoseconds: int, tmp_path: Path):
    """A date centuries from now or before 1970 becomes a stable value of 63 bits."""
    path = touch(tmp_path / "x.jpg")
    try:
        os.utime(path, ns=(nanoseconds, nanoseconds))
    except (OverflowError, OSError):
        pytest.skip("this file system doesn't know such dates")
    state = FileStat.of(path.stat())
    assert 0 <= state.mtime_ns < 2**63
    assert state == FileStat.of(path.stat())
