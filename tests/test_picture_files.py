"""Finding picture files, and saying in words why one can't be used."""

import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from lookalike import PictureError
from lookalike.images.files import FileStat, SkipKind, open_file, sha256
from lookalike.images.formats import EXTENSIONS
from lookalike.images.walk import find_pictures, has_pictures
from lookalike.text import shown

AsNobody = Callable[[], AbstractContextManager[None]]


def touch(path: Path) -> Path:
    """Make a file, and the folders above it; what is in it doesn't matter here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"some bytes")
    return path


def found(root: Path, leave_out: Path | None = None) -> list[str]:
    """The paths of the pictures found, nothing being skipped."""
    pictures, skipped = find_pictures(root, leave_out=leave_out)
    assert skipped == []
    return [picture.path for picture in pictures]


def skipped(root: Path) -> dict[str, SkipKind]:
    """What was skipped, and why."""
    return {item.path: item.kind for item in find_pictures(root)[1]}


@pytest.mark.parametrize("name", [f"a{extension}" for extension in EXTENSIONS] + ["a.JPG", "a.Jpeg", "a.PnG", "a.HEIC"])
def test_pictures_are_told_by_their_extension_in_any_case(name: str, tmp_path: Path):
    """Every extension counts in small and in capital letters."""
    touch(tmp_path / name)
    assert found(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.txt", "jpg", ".jpg", "a.jpg.part", "a.jpg~", "a.svg", "a", "a.jpg "])
def test_other_files_are_passed_over(name: str, tmp_path: Path):
    """Files without a picture's extension are neither found nor skipped."""
    touch(tmp_path / name)
    assert found(tmp_path) == []


def test_hidden_files_and_folders_are_left_out(tmp_path: Path):
    """Names that begin with a dot are passed over, with all that is below them."""
    for name in (".hidden.jpg", ".thumbnails/a.jpg", "sub/.cache/b.jpg", "sub/c.jpg"):
        touch(tmp_path / name)
    assert found(tmp_path) == ["sub/c.jpg"]


def test_the_gallery_itself_is_left_out(tmp_path: Path):
    """A gallery kept in a folder below, whatever it is called and however it is reached, is not searched."""
    for name in ("gallery/a.jpg", "b.jpg"):
        touch(tmp_path / name)
    (tmp_path / "link").symlink_to("gallery")
    assert found(tmp_path, leave_out=tmp_path / "gallery") == ["b.jpg"]
    assert found(tmp_path, leave_out=tmp_path / "not there") == ["b.jpg", "gallery/a.jpg"]


def test_a_gallery_kept_among_the_photographs_hides_none_of_them(tmp_path: Path):
    """Where the folder left out is the one searched, its pictures are found all the same."""
    touch(tmp_path / "a.jpg")
    assert found(tmp_path, leave_out=tmp_path) == ["a.jpg"]


def test_the_list_is_in_the_order_of_the_paths_bytes(tmp_path: Path):
    """Paths are sorted as bytes: capitals before small letters, a folder's content where its path falls."""
    names = ["B.jpg", "a-b.jpg", "a.jpg", "a/z.jpg", "a0.jpg", "z.jpg", "ä.jpg", "\U0001f600.jpg"]
    for name in reversed(names):
        touch(tmp_path / name)
    assert found(tmp_path) == sorted(names, key=os.fsencode) == names


@pytest.mark.parametrize(
    "name",
    [b"two\nlines.jpg", b'it\'s "quoted".jpg', "\U0001f600 ünï.jpg".encode(), b"\xff\xfe.jpg", b" .jpg", b"a\\b.jpg"],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
def test_any_name_is_found_and_can_be_opened(name: bytes, tmp_path: Path):
    """Line breaks, quotes, emoji, backslashes and bytes that are no UTF-8 are names like any other."""
    folder = tmp_path / os.fsdecode(name)
    touch(folder / os.fsdecode(name))
    path = find_pictures(tmp_path)[0][0].path
    assert os.fsencode(path) == name + b"/" + name
    with open_file(tmp_path / path) as file:
        assert file.read() == b"some bytes"
    assert len(shown(path).splitlines()) == 1
    shown(path).encode()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (b"plain.jpg", "plain.jpg"),
        (b"a\nb\tc\x1b[1m.jpg", "a\\nb\\tc\\x1b[1m.jpg"),
        (b"\xff.jpg", "\\xff.jpg"),
        ("\U0001f600 ü.jpg".encode(), "\U0001f600 ü.jpg"),
        ("\u202egpj.exe".encode(), "\\u202egpj.exe"),
    ],
)
def test_paths_are_shown_on_one_line(path: bytes, words: str):
    """Control characters and stray bytes are shown as escapes, everything else as itself."""
    assert shown(os.fsdecode(path)) == words


def test_a_link_to_a_file_outside_is_followed(tmp_path: Path):
    """A picture that only a link leads to is found under the link's name, with the size of the picture."""
    target = touch(tmp_path / "outside" / "far.jpg")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "near.jpg").symlink_to(target)
    ((picture,), _) = find_pictures(tmp_path / "root")
    assert picture.path == "near.jpg"
    assert picture.stat == FileStat.of(target.stat())


def test_what_a_link_leads_to_is_found_once(tmp_path: Path):
    """Of a file or a folder that is there itself and through links, only itself counts; of two links, the first."""
    touch(tmp_path / "root" / "z" / "a.jpg")
    touch(tmp_path / "outside" / "b.jpg")
    root = tmp_path / "root"
    (root / "again.jpg").symlink_to(root / "z" / "a.jpg")
    (root / "folder").symlink_to("z")
    (root / "one").symlink_to(tmp_path / "outside")
    (root / "two").symlink_to(tmp_path / "outside")
    assert found(root) == ["one/b.jpg", "z/a.jpg"]


def test_hard_links_are_files_of_their_own(tmp_path: Path):
    """Two names of one file are two entries, as two copies would be."""
    touch(tmp_path / "a.jpg")
    os.link(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert found(tmp_path) == ["a.jpg", "b.jpg"]


def test_links_in_a_circle_end(tmp_path: Path):
    """Links to a folder above, to each other, and to themselves are followed no further than once."""
    touch(tmp_path / "a" / "a.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "here").symlink_to(".")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert found(tmp_path) == ["a/a.jpg"]
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    assert skipped(tmp_path) == {"self.jpg": SkipKind.BROKEN_LINK}


def test_a_link_to_a_folder_above_finds_what_is_there_once(tmp_path: Path):
    """A link that leads above the folder searched brings in what is there, and not the folder itself again."""
    touch(tmp_path / "root" / "a.jpg")
    touch(tmp_path / "beside.jpg")
    (tmp_path / "root" / "up").symlink_to("..")
    assert found(tmp_path / "root") == ["a.jpg", "up/beside.jpg"]


def test_a_link_that_leads_nowhere_is_listed_if_it_was_meant_for_pictures(tmp_path: Path):
    """A broken link with a picture's extension is listed, and one with none, as folders have; another is not."""
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "gone.txt").symlink_to("nowhere")
    assert skipped(tmp_path) == {"gone": SkipKind.UNREADABLE_FOLDER, "gone.jpg": SkipKind.BROKEN_LINK}


def test_a_folder_named_like_a_picture_is_listed_and_walked_into(tmp_path: Path):
    """What is in a folder called x.jpg is found, and the folder itself is among the skipped."""
    touch(tmp_path / "x.jpg" / "inside.png")
    pictures, problems = find_pictures(tmp_path)
    assert [picture.path for picture in pictures] == ["x.jpg/inside.png"]
    assert [(problem.path, problem.kind) for problem in problems] == [("x.jpg", SkipKind.FOLDER)]


def test_an_unreadable_folder_is_skipped_and_the_rest_found(tmp_path: Path, unprivileged: AsNobody):
    """A folder that may not be listed is named with the reason, and the walk goes on."""
    touch(tmp_path / "closed" / "a.jpg")
    touch(tmp_path / "open" / "b.jpg")
    (tmp_path / "closed").chmod(0)
    with unprivileged():
        pictures, problems = find_pictures(tmp_path)
    (tmp_path / "closed").chmod(0o755)
    assert [picture.path for picture in pictures] == ["open/b.jpg"]
    assert [(problem.path, problem.kind) for problem in problems] == [("closed", SkipKind.UNREADABLE_FOLDER)]
    assert "Permission denied" in problems[0].reason


def test_a_folder_whose_names_alone_can_be_read_counts_as_unreadable(tmp_path: Path, unprivileged: AsNobody):
    """Where names may be listed but files not reached, the folder is skipped rather than each file said to be gone."""
    touch(tmp_path / "names" / "a.jpg")
    touch(tmp_path / "b.jpg")
    (tmp_path / "names").chmod(0o444)
    with unprivileged():
        problems = skipped(tmp_path)
    (tmp_path / "names").chmod(0o755)
    assert problems == {"names": SkipKind.UNREADABLE_FOLDER}


def test_a_link_into_what_may_not_be_read_says_so(tmp_path: Path, unprivileged: AsNobody):
    """A link through a closed folder isn't called broken."""
    touch(tmp_path / "closed" / "a.jpg")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.jpg").symlink_to(tmp_path / "closed" / "a.jpg")
    (tmp_path / "closed").chmod(0)
    with unprivileged():
        (problem,) = find_pictures(tmp_path / "root")[1]
    (tmp_path / "closed").chmod(0o755)
    assert problem.reason == "a link that leads where it may not be read"


def test_a_root_that_cannot_be_listed_raises(tmp_path: Path, unprivileged: AsNobody):
    """Without the folder itself there is nothing to say about its pictures."""
    with pytest.raises(FileNotFoundError):
        find_pictures(tmp_path / "not there")
    root = touch(tmp_path / "root" / "a.jpg").parent
    for mode in (0o000, 0o444):
        root.chmod(mode)
        with unprivileged(), pytest.raises(PermissionError):
            find_pictures(root)
    root.chmod(0o755)


def test_a_file_that_vanishes_meanwhile_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that is gone between its folder's listing and a look at it is among the skipped."""
    victim = touch(tmp_path / "a.jpg")
    real = os.scandir

    class Listing:
        """A folder's listing that takes the file away before it is looked at."""

        def __init__(self, folder: Path) -> None:
            self.entries = list(real(folder))
            victim.unlink()

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Listing)
    assert skipped(tmp_path) == {"a.jpg": SkipKind.VANISHED}


def test_progress_tells_how_many_were_found(tmp_path: Path):
    """The function given is told the running number of pictures."""
    for number in range(3):
        touch(tmp_path / f"{number}.jpg")
    told: list[int] = []
    find_pictures(tmp_path, progress=told.append)
    assert told == [1, 2, 3]


def test_whether_there_is_any_picture_is_told(tmp_path: Path):
    """A folder has pictures if there is one at any depth."""
    touch(tmp_path / "a.txt")
    assert not has_pictures(tmp_path)
    touch(tmp_path / "deep" / "down" / "a.jpg")
    assert has_pictures(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path):
    """Opening a named pipe that nobody writes to returns at once, with the reason."""
    os.mkfifo(tmp_path / "x.jpg")
    with pytest.raises(PictureError) as caught:
        open_file(tmp_path / "x.jpg")
    assert caught.value.kind == SkipKind.SPECIAL


@pytest.mark.skipif(os.name == "nt", reason="there are no sockets in folders here")
def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A socket in the folder is no picture."""
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("x.jpg")
        with pytest.raises(PictureError) as caught:
            open_file("x.jpg")
    assert caught.value.kind == SkipKind.UNREADABLE


def test_a_file_without_permission_is_refused(tmp_path: Path, unprivileged: AsNobody):
    """The reason says that permission is missing."""
    touch(tmp_path / "x.jpg").chmod(0)
    with unprivileged(), pytest.raises(PictureError) as caught:
        open_file(tmp_path / "x.jpg")
    assert caught.value.reason == "no permission to read it"


@pytest.mark.parametrize("name", ["a" * 300 + ".jpg", "file/x.jpg"])
def test_impossible_paths_are_refused(name: str, tmp_path: Path):
    """A name that is too long, or that leads through a file, is refused like any other."""
    touch(tmp_path / "file")
    with pytest.raises(PictureError) as caught:
        open_file(tmp_path / name)
    assert caught.value.kind == SkipKind.UNREADABLE


def test_a_digest_leaves_the_file_at_its_start(tmp_path: Path):
    """The SHA-256 is that of the whole file, from wherever it had been read to."""
    with open_file(touch(tmp_path / "x.jpg")) as file:
        file.read(3)
        digest = sha256(file)
        assert file.tell() == 0
    assert digest.hex() == "0d22cdcc10e6d049dbe1af5123d50873fdfc1a4f58306e58cb6241be9472014d"


@pytest.mark.parametrize("nanoseconds", [10**19, -(10**18), 0])
def test_dates_far_away_fit_into_the_database(nanoseconds: int, tmp_path: Path):
    """A file dated centuries from now, or before 1970, has a state that 63 bits hold and that stays the same."""
    path = touch(tmp_path / "x.jpg")
    try:
        os.utime(path, ns=(nanoseconds, nanoseconds))
    except (OverflowError, OSError):
        pytest.skip("this file system doesn't know such dates")
    state = FileStat.of(path.stat())
    assert 0 <= state.mtime_ns < 2**63
    assert state == FileStat.of(path.stat())
