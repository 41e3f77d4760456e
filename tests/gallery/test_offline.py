"""Images that are gone in bulk stay, marked offline; only --prune and remove take them out."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from drawing import drawn
from fakes import FakeEncoder
from galleries import Result, index
from lookalike import Gallery
from lookalike.errors import UnreachedImagesError
from lookalike.gallery.records import Entry
from lookalike.gallery.updating.missing import Loss, find_losses
from lookalike.images.files import FoundFile
from stores import STAT, digest_of

Cli = Callable[..., Result]


def entries(*paths: str) -> list[Entry]:
    """Entries at these paths."""
    return [Entry(number, path, STAT, digest_of(path)) for number, path in enumerate(paths)]


def files(*paths: str) -> list[FoundFile]:
    """Files found at these paths."""
    return [FoundFile(path, STAT) for path in paths]


def numbered(folder: str, count: int) -> list[str]:
    """Paths in a folder."""
    return [f"{folder}{number}.jpg" for number in range(count)]


@pytest.mark.parametrize(
    ("gone", "total", "present", "losses"),
    [
        pytest.param(numbered("a/", 10), 50, numbered("a/x", 40), [], id="10 of 50"),
        pytest.param(numbered("a/", 11), 50, numbered("a/x", 39), [Loss("", 11)], id="11 of 50"),
        pytest.param(numbered("a/", 11), 110, numbered("a/x", 99), [], id="11 of 110, a tenth"),
        pytest.param(numbered("a/", 12), 110, numbered("a/x", 98), [Loss("", 12)], id="more than a tenth"),
        pytest.param(numbered("a/", 11), 999, numbered("b/", 988), [Loss("a", 11)], id="a whole folder"),
        pytest.param(numbered("a/", 10), 999, numbered("b/", 989), [], id="10 of a whole folder"),
        pytest.param(numbered("x/a/b/", 11), 999, numbered("x/c/", 988), [Loss("x/a", 11)], id="the outermost folder"),
        pytest.param(
            numbered("a/1/", 6) + numbered("a/2/", 6), 999, numbered("b/", 987), [Loss("a", 12)], id="two of one parent"
        ),
        pytest.param(
            numbered("a/", 11) + numbered("c/", 2), 999, numbered("b/", 986), [Loss("a", 11)], id="and a few others"
        ),
        pytest.param(numbered("", 3), 3, [], [Loss("", 3)], id="everything"),
        pytest.param([], 50, [], [], id="nothing"),
    ],
)
def test_what_counts_as_a_loss_in_bulk(gone: list[str], total: int, present: list[str], losses: list[Loss]):
    """More than 10 and more than a tenth, more than 10 of a folder that has no images any more, or all images."""
    assert find_losses(entries(*gone), total, files(*present)) == losses


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """60 images, 12 of them on a disk mounted at ``disk``."""
    for number in range(48):
        drawn(tmp_path / f"photos/{number}.png", number)
    for number in range(12):
        drawn(tmp_path / f"photos/disk/{number}.png", 100 + number)
    return tmp_path / "photos"


@pytest.fixture
def gallery(root: Path, fake: FakeEncoder) -> Iterable[Gallery]:
    """Their gallery, up to date and open for writing."""
    with index(root, fake) as gallery:
        yield gallery


def unmount(root: Path, *, empty: bool = False) -> None:
    """Move the disk away; its mount point may stay as an empty folder."""
    (root / "disk").rename(root.parent / "unmounted")
    if empty:
        (root / "disk").mkdir()


def mount(root: Path) -> None:
    """Put the disk back."""
    if (root / "disk").exists():
        (root / "disk").rmdir()
    (root.parent / "unmounted").rename(root / "disk")


@pytest.mark.parametrize("empty", [False, True])
def test_a_disk_that_is_not_mounted_loses_nothing(empty: bool, gallery: Gallery, root: Path, fake: FakeEncoder):
    """Its images go offline and are still found; when it is back, nothing is encoded."""
    encoded = fake.encoded
    unmount(root, empty=empty)
    report = gallery.update()
    assert report.losses == [Loss("", 12)]
    assert (report.removed, report.offline, report.unchanged) == (0, 12, 48)
    assert len(gallery) == 48
    assert (gallery.status().images, gallery.status().offline) == (48, 12)
    (hit,) = [hit for hit in gallery.search(root / "1.png", 60).hits if hit.path == "disk/3.png"]
    assert hit.offline
    assert len(gallery.embeddings()[0]) == 60
    again = gallery.update()
    assert (again.losses, again.offline, again.removed) == ([], 12, 0)
    mount(root)
    report = gallery.update()
    assert (report.offline, report.unchanged, report.added, report.encoded) == (0, 60, 0, 0)
    assert not any(hit.offline for hit in gallery.search(root / "1.png", 60).hits)
    assert fake.encoded == encoded + 2  # the queries


def test_images_found_elsewhere_are_moves(gallery: Gallery, root: Path, fake: FakeEncoder):
    """A folder that was renamed is no loss, and its images keep their ids, also if they were offline meanwhile."""
    ids = {hit.path: hit.id for hit in gallery.search(root / "1.png", 60).hits}
    encoded = fake.encoded
    unmount(root)
    gallery.update()
    (root.parent / "unmounted").rename(root / "renamed")
    report = gallery.update()
    assert (report.moved, report.removed, report.offline, report.losses) == (12, 0, 0, [])
    after = {hit.path: hit.id for hit in gallery.search(root / "1.png", 60).hits}
    assert {path.replace("disk/", "renamed/"): number for path, number in ids.items()} == after
    (root / "renamed").rename(root / "again")
    assert gallery.update().moved == 12
    assert fake.encoded == encoded + 1


def test_what_is_excluded_is_no_loss(gallery: Gallery, root: Path):
    """Images that are passed over on purpose are removed, however many they are."""
    gallery.set_options(gallery.options.with_changes(exclude=("disk/",)))
    report = gallery.update()
    assert (report.removed, report.offline, report.losses) == (12, 0, [])
    gallery.set_options(gallery.options.with_changes(exclude=()))
    assert gallery.update().added == 12


def test_a_few_deleted_images_are_removed(gallery: Gallery, root: Path):
    """While a disk is offline, images that are deleted elsewhere are removed as always."""
    unmount(root)
    gallery.update()
    (root / "5.png").unlink()
    report = gallery.update()
    assert (report.removed, report.offline, report.losses) == (1, 12, [])


@pytest.mark.parametrize(("folder", "left"), [("", 0), ("disk", 0), ("other", 12)])
def test_prune_removes_what_is_gone(folder: str, left: int, gallery: Gallery, root: Path):
    """Images that are offline, or gone now, are removed below a folder or everywhere, when that is asked for."""
    unmount(root)
    gallery.update()
    report = gallery.update(prune=folder)
    assert (report.removed, report.offline, report.losses) == (12 - left, left, [])
    mount(root)
    assert gallery.update().added == 12 - left


def test_prune_removes_at_once(gallery: Gallery, root: Path):
    """Images that are gone for the first time are removed too."""
    unmount(root)
    report = gallery.update(prune=root / "disk")
    assert (report.removed, report.offline, report.losses) == (12, 0, [])


def test_an_empty_folder_empties_no_gallery(tmp_path: Path, fake: FakeEncoder):
    """Even of three images, all that are gone at once stay."""
    root = tmp_path / "photos"
    for number in range(3):
        drawn(root / f"{number}.png", number)
    with index(root, fake) as gallery:
        for number in range(3):
            (root / f"{number}.png").unlink()
        assert gallery.update().losses == [Loss("", 3)]
        assert gallery.update(prune="").removed == 3
        assert len(gallery) == 0


def test_removing_on_purpose(gallery: Gallery, root: Path):
    """Images and folders are removed by their paths; those that aren't there are named; others are done."""
    assert gallery.remove(["1.png", root / "disk", "nothing.png", "2.pn"]) == (13, ["nothing.png", "2.pn"])
    assert len(gallery) == 47
    assert {hit.path for hit in gallery.search(root / "9.png", 99).hits} & {"1.png", "disk/1.png"} == set()
    assert gallery.update().added == 13


def test_reencoding_waits_for_images_that_are_offline(gallery: Gallery, root: Path):
    """The old encoder serves until every image is encoded, unless the missing ones are given up."""
    unmount(root)
    gallery.update()
    (root / "7.png").unlink()  # deleted on purpose: no reason to wait
    other = FakeEncoder(name="other")
    with pytest.raises(UnreachedImagesError, match=r"12 images can't be read now \(disk/0.png, .*--accept-missing"):
        gallery.reencode(other)
    assert gallery.stamp.name != "other"
    assert len(gallery.search(root / "1.png", 99).hits) == 59
    mount(root)
    report = gallery.reencode(other)
    assert (gallery.stamp.name, report.encoded, report.offline) == ("other", 12, 0)
    assert len(gallery) == 59


def test_reencoding_without_the_missing_images(gallery: Gallery, root: Path):
    """What can't be read is taken out if that is accepted, and comes back with the disk."""
    unmount(root)
    other = FakeEncoder(name="other")
    with pytest.raises(UnreachedImagesError):
        gallery.reencode(other)
    report = gallery.reencode(other, accept_missing=True)
    assert gallery.stamp.name == "other"
    assert (len(gallery), report.offline) == (48, 0)
    mount(root)
    assert gallery.update().added == 12


def test_a_copy_that_is_there_stands_for_one_that_is_offline(gallery: Gallery, root: Path):
    """A content is read from whichever of its files can be reached."""
    shutil.copytree(root / "disk", root / "zcopy")
    gallery.update()
    unmount(root)
    gallery.update()
    report = gallery.reencode(FakeEncoder(name="other"))
    assert (gallery.stamp.name, report.offline, len(gallery)) == ("other", 12, 60)


def test_the_command_line_says_what_is_offline(root: Path, call: Cli):
    """Index exits with 3 and says what to do; status, search and prune follow."""
    assert call("index", root).code == 0
    unmount(root)
    result = call("index", root)
    assert result.code == 3
    assert "; 12 offline" in result.out
    assert "12 images are gone all at once" in result.err
    assert "lookalike index --prune" in result.err
    assert "48 and 12 offline" in call("status", "--gallery", root).out
    assert "disk/3.png (offline)" in call("search", root / "1.png", "-k", "60").out
    assert call("index", root).code == 0
    result = call("index", root, "--prune", "disk")
    assert (result.code, "12 removed" in result.out) == (0, True)


def test_the_command_remove(root: Path, call: Cli):
    """Remove exits with 0, with 3 if some of the paths are unknown, and with 1 if all are."""
    call("index", root)
    assert call("remove", "1.png", "--gallery", root).out == "1 image removed\n"
    result = call("remove", "2.png", "x.png", "--gallery", root)
    assert (result.code, result.out) == (3, "1 image removed\n")
    assert "x.png: no image of this gallery is here" in result.err
    assert call("remove", "x.png", "--gallery", root).code == 1
