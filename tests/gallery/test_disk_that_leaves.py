"""A disk that leaves in the middle of a run costs nothing: neither images of the gallery nor their embeddings."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drawing import drawn
from fakes import FakeEncoder, FakeSource
from galleries import index
from lookalike import Gallery
from lookalike.cli.main import main
from lookalike.errors import UnreachedImagesError
from lookalike.gallery.updating import listed
from lookalike.gallery.updating.listed import ListedFolders, folders_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """60 images, 20 of them on a disk mounted at ``disk``, in two folders."""
    for number in range(40):
        drawn(tmp_path / f"photos/{number}.png", number)
    for number in range(20):
        drawn(tmp_path / f"photos/disk/{number % 2}/{number}.png", 100 + number)
    return tmp_path / "photos"


def leaving(folder: Path, batch: int, *, name: str = "colours") -> FakeEncoder:
    """An encoder before whose ``batch``-th batch a folder is moved away."""
    batches = 0

    def count(_: int) -> None:
        nonlocal batches
        batches += 1
        if batches == batch:
            folder.rename(folder.parent / f"{folder.name} away")

    return in_small_batches(FakeEncoder(name, before=count))


def in_small_batches(encoder: FakeEncoder) -> FakeEncoder:
    """Let an encoder encode two images at once, so that few files are read ahead of it."""
    encoder.batch = 2
    return encoder


def returns(folder: Path) -> None:
    """Move it back."""
    (folder.parent / f"{folder.name} away").rename(folder)


@pytest.mark.parametrize("place", ["disk", ""])
@pytest.mark.parametrize("batch", [1, 9])
def test_a_first_run_ends_early_and_the_next_completes_it(place: str, batch: int, root: Path, tmp_path: Path):
    """What was encoded is kept, nothing is listed as skipped, and nothing is encoded twice."""
    encoder = leaving(root / place, batch)
    with Gallery.create(root, tmp_path / "gallery", encoder=encoder) as gallery:
        report = gallery.update()
        assert report.stopped_at == root / place
        assert 0 < report.added < 60
        assert (report.skipped, report.removed, report.offline) == (0, 0, 0)
        assert len(gallery) == report.added
        returns(root / place)
        report = gallery.update()
        assert (report.stopped_at, report.skipped, len(gallery)) == (None, 0, 60)
    assert encoder.encoded == 60


@pytest.mark.parametrize("place", ["disk", ""])
def test_unchanged_images_stay_when_they_are_verified(place: str, root: Path, tmp_path: Path):
    """Whatever could not be read is neither removed nor offline: the next run finds it as it was."""
    index(root, FakeEncoder(), tmp_path / "gallery").close()
    drawn(root / "0.png", 1000)  # something to encode, so that the disk leaves
    encoder = leaving(root / place, 1)
    with Gallery.open(tmp_path / "gallery", encoder=encoder, writing=True) as gallery:
        report = gallery.update(verify=True)
        assert (report.stopped_at, report.updated) == (root / place, 1)
        assert (report.removed, report.skipped, report.offline, len(gallery)) == (0, 0, 0, 60)
        returns(root / place)
        report = gallery.update(verify=True)
        assert (report.unchanged, report.encoded, report.stopped_at) == (60, 0, None)


def test_a_file_that_vanishes_alone_does_not_end_a_run(root: Path, tmp_path: Path):
    """Its folder still answers, so the file is skipped and the rest is done."""
    encoder = in_small_batches(FakeEncoder(before=lambda _: (root / "disk/1/19.png").unlink(missing_ok=True)))
    with Gallery.create(root, tmp_path / "gallery", encoder=encoder) as gallery:
        report = gallery.update()
        assert (report.stopped_at, report.added, report.skipped) == (None, 59, 1)


def test_a_gallery_that_leaves_with_its_folder(root: Path):
    """The error names the folder, and what was committed is there when it is back."""
    encoder = leaving(root, 2)
    with (
        pytest.raises(UnreachedImagesError, match=r"photos: this folder stopped answering.*the gallery with it"),
        Gallery.create(root, encoder=encoder) as gallery,
    ):
        gallery.update()
    returns(root)
    with index(root, FakeEncoder()) as gallery:
        assert len(gallery) == 60


def test_the_command_line_names_the_folder(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The exit code is 3, and the next run completes the gallery."""
    command = ["index", str(root), "--gallery", str(tmp_path / "gallery")]
    assert main(command, FakeSource(leaving(root / "disk", 1))) == 3
    printed = capsys.readouterr()
    assert "40 added" in printed.out
    assert f"{root / 'disk'}: this folder stopped answering" in printed.err
    assert "Connect it and run lookalike index" in printed.err
    returns(root / "disk")
    assert main(command, FakeSource()) == 0
    assert "20 added" in capsys.readouterr().out


def test_a_repair_that_ends_early_says_so(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """What was encoded is kept, no image is lost, and the next index completes it."""
    gallery = tmp_path / "gallery"
    index(root, FakeEncoder(), gallery).close()
    (gallery / "vectors-1.npy").write_bytes(b"")
    assert main(["repair", "--gallery", str(gallery)], FakeSource(leaving(root / "disk", 1))) == 3
    assert f"{root / 'disk'}: this folder stopped answering" in capsys.readouterr().err
    returns(root / "disk")
    assert main(["index", "--gallery", str(gallery)], FakeSource()) == 0
    assert main(["check", "--gallery", str(gallery)]) == 0
    with Gallery.open(gallery, encoder=FakeEncoder()) as opened:
        assert len(opened.search(root / "0.png", 100).hits) == 59


@pytest.mark.parametrize("place", ["disk", ""])
@pytest.mark.parametrize("accept_missing", [False, True])
def test_reencoding_waits_for_what_could_be_reached(place: str, accept_missing: bool, root: Path, tmp_path: Path):
    """The old encoder serves all images until every one that was there is encoded, whatever is accepted as missing."""
    index(root, FakeEncoder(), tmp_path / "gallery").close()
    encoder = leaving(root / place, 2, name="other")
    with Gallery.open(tmp_path / "gallery", encoder=FakeEncoder(), writing=True) as gallery:
        with pytest.raises(UnreachedImagesError, match=r"stopped answering.*keeps its encoder colours"):
            gallery.reencode(encoder, accept_missing=accept_missing)
        assert (gallery.stamp.name, len(gallery)) == ("colours", 60)
        returns(root / place)
        report = gallery.reencode(encoder, accept_missing=accept_missing)
        assert (gallery.stamp.name, len(gallery), report.removed) == ("other", 60, 0)
    assert encoder.encoded == 60


def test_images_that_were_offline_before_do_not_end_a_reencoding(root: Path, tmp_path: Path):
    """The others are encoded; without the offline ones it completes only if that is accepted."""
    with index(root, FakeEncoder(), tmp_path / "gallery") as gallery:
        (root / "disk").rename(tmp_path / "away")
        other = FakeEncoder(name="other")
        with pytest.raises(UnreachedImagesError, match="20 images can't be read now"):
            gallery.reencode(other)
        assert other.encoded == 40


@pytest.fixture
def mounted(root: Path) -> Iterator[Path]:
    """The folder ``disk``, as a file system of its own with the same images."""
    if os.name == "nt" or os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    disk = root / "disk"
    disk.rename(root.parent / "images")
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    for number in range(20):
        drawn(disk / f"{number}.png", 100 + number)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=False)


def test_a_disk_that_is_unmounted_leaves_its_folder(mounted: Path, root: Path, tmp_path: Path):
    """The empty folder at its place answers, but it is another file system."""
    index(root, FakeEncoder(), tmp_path / "gallery").close()
    drawn(root / "0.png", 1000)

    def unmount(_: int) -> None:
        subprocess.run(["umount", "--lazy", mounted], check=True)

    encoder = in_small_batches(FakeEncoder(before=unmount))
    with Gallery.open(tmp_path / "gallery", encoder=encoder, writing=True) as gallery:
        report = gallery.update(verify=True)
        assert (report.stopped_at, report.removed, report.offline, len(gallery)) == (mounted, 0, 0, 60)


def test_a_folder_that_hangs_has_stopped_answering(root: Path, monkeypatch: pytest.MonkeyPatch):
    """A share that is gone gives no answer at all; that isn't waited for."""
    paths = ["disk/0/0.png", "disk/1/1.png"]
    folders = ListedFolders.of_files(root, paths)
    assert folders.lost(paths) is None
    real, connected = Path.stat, threading.Event()

    def hanging(path: Path, **options: bool) -> os.stat_result:
        if path == root / "disk/1":
            connected.wait()
        return real(path, **options)

    monkeypatch.setattr(listed, "_ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(Path, "stat", hanging)
    assert folders.lost(paths) == root / "disk/1"
    assert folders.lost(paths[:1]) is None
    assert set(ListedFolders.of_files(root, paths)._devices) == {"", "disk", "disk/0"}
    connected.set()


def test_the_folders_of_a_path():
    """From the root to the folder that contains it."""
    assert list(folders_of("a/b/c.jpg")) == ["", "a", "a/b"]
    assert list(folders_of("c.jpg")) == [""]


Returning = Callable[[Gallery, Path], None]


def delete(gallery: Gallery, image: Path) -> None:
    """Delete an image, and let the gallery find that."""
    image.unlink()
    assert gallery.update().removed == 1


def take_out(gallery: Gallery, image: Path) -> None:
    """Take an image out of the gallery; its file stays."""
    assert gallery.remove([image]) == (1, [])


@pytest.mark.parametrize("leave", [delete, take_out])
def test_an_image_that_comes_back_soon_is_not_encoded(leave: Returning, root: Path, fake: FakeEncoder):
    """Its embedding is kept until a second run doesn't find the image either."""
    image = root / "7.png"
    content = image.read_bytes()
    with index(root, fake) as gallery:
        leave(gallery, image)
        image.write_bytes(content)
        report = gallery.update()
        assert (report.added, report.encoded) == (1, 0)
        leave(gallery, image)
        image.unlink(missing_ok=True)
        gallery.update()
        image.write_bytes(content)
        report = gallery.update()
        assert (report.added, report.encoded) == (1, 1)


def test_what_is_pruned_is_forgotten_at_once(root: Path, fake: FakeEncoder):
    """Only that: another image that is gone for the first time can still come back."""
    with index(root, fake) as gallery:
        contents = {name: (root / name).read_bytes() for name in ("disk/0/0.png", "7.png")}
        for name in contents:
            (root / name).unlink()
        assert gallery.update(prune="disk").removed == 2
        for name, content in contents.items():
            (root / name).write_bytes(content)
        report = gallery.update()
        assert (report.added, report.encoded) == (2, 1)


def test_a_run_that_ends_early_forgets_no_embedding(root: Path, tmp_path: Path):
    """What was removed before is kept too, as it may be on the disk that left."""
    content = (root / "disk/0/0.png").read_bytes()
    with index(root, FakeEncoder(), tmp_path / "gallery") as gallery:
        delete(gallery, root / "disk/0/0.png")
    drawn(root / "0.png", 1000)
    encoder = leaving(root / "disk", 1)
    with Gallery.open(tmp_path / "gallery", encoder=encoder, writing=True) as gallery:
        assert gallery.update(verify=True).stopped_at == root / "disk"
        returns(root / "disk")
        (root / "disk/0/0.png").write_bytes(content)
        report = gallery.update()
        assert (report.added, report.encoded) == (1, 0)
