"""Updating a gallery: added, changed, moved, removed and skipped files, and files that are not read."""

import os
import shutil
import tracemalloc
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawing import draw, drawn, saved
from fakes import FakeEncoder
from galleries import index, ranked_paths
from lookalike import Encoder, Gallery, GalleryError, UpdateReport
from lookalike.embedding import load as embedding_module
from lookalike.gallery.options import GalleryOptions
from lookalike.gallery.records import Changes, EntryChange
from lookalike.gallery.updating.comparison import Comparison
from lookalike.gallery.updating.missing import Loss
from lookalike.images.decode import ReadOptions
from lookalike.images.files import FoundFile, Note, NoteKind, SkipKind
from lookalike.images.rules import Rules
from lookalike.search.ranking import Hit
from stores import STAT, make_store, upsert

Unprivileged = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six small images, two of them in a subfolder."""
    for number in range(4):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    drawn(tmp_path / "photos" / "sub" / "4.png", 4)
    drawn(tmp_path / "photos" / "sub" / "5.png", 5)
    return tmp_path / "photos"


@pytest.fixture
def gallery(folder: Path, fake: FakeEncoder) -> Iterable[Gallery]:
    """The gallery of those six images, up to date and open for writing."""
    with index(folder, fake) as gallery:
        yield gallery


def counts(report: UpdateReport) -> dict[str, int]:
    """The non-zero counts of a report."""
    names = ("added", "updated", "moved", "removed", "unchanged", "skipped", "encoded")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def hits(gallery: Gallery, query: object = None) -> dict[str, Hit]:
    """All images of the gallery as hits by path; the default query is an image outside the gallery."""
    return {hit.path: hit for hit in gallery.search(draw(99) if query is None else query, k=1000).hits}  # type: ignore[arg-type]


def skipped(gallery: Gallery) -> dict[str, SkipKind]:
    """The gallery's skipped files."""
    return {item.path: item.kind for item in gallery.status().skipped}


def assert_equals_new_gallery(gallery: Gallery, folder: Path) -> None:
    """The gallery answers every query like a gallery created now."""
    with index(folder, FakeEncoder(), folder.parent / "new") as new:
        for query in folder.rglob("*.png"):
            expected, actual = (
                [(hit.path, hit.score, hit.percentile) for hit in one.search(query, 1000).hits]
                for one in (new, gallery)
            )
            assert actual == expected
    shutil.rmtree(folder.parent / "new")


@pytest.fixture
def read_names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that an update opens from now on."""
    names: list[str] = []
    real = embedding_module.open_file

    def open_and_record(path: Path) -> object:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(embedding_module, "open_file", open_and_record)
    return names


def test_a_first_update_adds_every_image(folder: Path, fake: FakeEncoder):
    """Each image is added and encoded once, and the rate is reported."""
    with Gallery.create(folder, encoder=fake) as gallery:
        report = gallery.update()
        assert counts(report) == {"added": 6, "encoded": 6}
        assert report.images_per_second == pytest.approx(6 / report.seconds)
        assert sorted(hits(gallery)) == ["0.png", "1.png", "2.png", "3.png", "sub/4.png", "sub/5.png"]
    assert UpdateReport().images_per_second == 0


def test_unchanged_files_are_not_read(gallery: Gallery, read_names: list[str], monkeypatch: pytest.MonkeyPatch):
    """A second update opens no files and does not load the encoder."""
    monkeypatch.setattr(Gallery, "encoder", property(lambda _: pytest.fail("the encoder was loaded")))
    assert counts(gallery.update()) == {"unchanged": 6}
    assert read_names == []


def test_unreadable_but_unchanged_images_stay(gallery: Gallery, folder: Path, unprivileged: Unprivileged):
    """An image without read permission stays if its size, time and inode are unchanged."""
    (folder / "0.png").chmod(0)
    with unprivileged():
        assert "0.png" in hits(gallery)
    assert counts(gallery.update()) == {"unchanged": 6}


def test_a_new_image_is_added(gallery: Gallery, folder: Path, read_names: list[str], fake: FakeEncoder):
    """Only the new file is read and encoded."""
    drawn(folder / "6.png", 6)
    assert counts(gallery.update()) == {"added": 1, "unchanged": 6, "encoded": 1}
    assert read_names == ["6.png"]
    assert_equals_new_gallery(gallery, folder)


def test_a_changed_image_is_encoded_again_and_keeps_its_id(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """A file with new content is encoded again under the same id."""
    before = hits(gallery)["0.png"]
    drawn(folder / "0.png", 50)
    assert counts(gallery.update()) == {"updated": 1, "unchanged": 5, "encoded": 1}
    after = hits(gallery)["0.png"]
    assert after.id == before.id
    assert after.score != before.score
    assert_equals_new_gallery(gallery, folder)


def test_a_touched_image_is_only_hashed(gallery: Gallery, folder: Path, read_names: list[str], fake: FakeEncoder):
    """A file with a new time and the same content is read once, not encoded, and not read again."""
    encoded = fake.encoded
    os.utime(folder / "0.png", ns=(1, 1))
    assert counts(gallery.update()) == {"unchanged": 6}
    assert counts(gallery.update()) == {"unchanged": 6}
    assert read_names == ["0.png"]
    assert fake.encoded == encoded


@pytest.mark.parametrize("target", ["renamed.png", "sub/0.png", "new/deep/0.png"])
def test_a_moved_image_keeps_its_id_and_its_embedding(target: str, gallery: Gallery, folder: Path, fake: FakeEncoder):
    """A file found at another path keeps its id and is not encoded again."""
    before, encoded = hits(gallery)["0.png"], fake.encoded
    (folder / target).parent.mkdir(parents=True, exist_ok=True)
    (folder / "0.png").rename(folder / target)
    assert counts(gallery.update()) == {"moved": 1, "unchanged": 5}
    assert fake.encoded == encoded
    after = hits(gallery)
    assert "0.png" not in after
    assert (after[target].id, after[target].score) == (before.id, before.score)
    assert_equals_new_gallery(gallery, folder)


def test_a_moved_folder_moves_its_images(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """Renaming a folder keeps all ids of its images."""
    before = hits(gallery)
    (folder / "sub").rename(folder / "a better name")
    assert counts(gallery.update()) == {"moved": 2, "unchanged": 4}
    after = hits(gallery)
    for name in ("4.png", "5.png"):
        assert after[f"a better name/{name}"].id == before[f"sub/{name}"].id


def test_images_that_swap_names_keep_their_ids(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """After two files swap names, each name has the other's id and embedding, and nothing is encoded."""
    before, encoded = hits(gallery), fake.encoded
    for old, new in (("0.png", "x"), ("1.png", "0.png"), ("x", "1.png")):
        (folder / old).rename(folder / new)
    report = gallery.update()
    assert (report.encoded, report.added, report.removed) == (0, 0, 0)
    assert fake.encoded == encoded
    after = hits(gallery)
    assert (after["0.png"].score, after["1.png"].score) == (before["1.png"].score, before["0.png"].score)
    assert (after["0.png"].id, after["1.png"].id) == (before["1.png"].id, before["0.png"].id)
    assert_equals_new_gallery(gallery, folder)


@pytest.mark.parametrize("seed", range(6))
def test_ids_follow_images_through_any_renaming(seed: int, tmp_path: Path, fake: FakeEncoder):
    """After shifting or shuffling all names, each image keeps its id, and none is encoded."""
    folder, rng = tmp_path / "renamed", np.random.default_rng(seed)
    for number in range(40):
        drawn(folder / f"{number:02}.png", number)
    shifts = {0: [*range(1, 41)], 1: [40, *range(39)]}
    target = shifts.get(seed, rng.permutation(50)[:40].tolist())
    with Gallery.create(folder, encoder=fake) as gallery:
        gallery.update()
        before = {hit.path: hit.id for hit in gallery.search(folder / "00.png", 99, include_self=True).hits}
        for number in range(40):
            (folder / f"{number:02}.png").rename(folder / f"{number:02}.aside")
        for number in range(40):
            (folder / f"{number:02}.aside").rename(folder / f"{target[number]:02}.png")
        report = gallery.update()
        query = folder / f"{target[0]:02}.png"
        after = {hit.path: hit.id for hit in gallery.search(query, 99, include_self=True).hits}
    stayed = sum(number == other for number, other in enumerate(target))
    assert (report.moved, report.unchanged) == (40 - stayed, stayed)
    assert (report.added, report.updated, report.removed, report.skipped) == (0, 0, 0, 0)
    assert after == {f"{target[number]:02}.png": before[f"{number:02}.png"] for number in range(40)}
    assert fake.encoded == 40 + 2  # the two queries


def test_a_new_image_with_the_old_name_of_a_moved_one_gets_a_new_id(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """The moved image keeps its id, and the new image at its old path gets another."""
    before = hits(gallery)["0.png"]
    (folder / "0.png").rename(folder / "9.png")
    drawn(folder / "0.png", 60)
    assert counts(gallery.update()) == {"added": 1, "moved": 1, "unchanged": 5, "encoded": 1}
    after = hits(gallery)
    assert after["9.png"].id == before.id
    assert after["0.png"].id not in {hit.id for path, hit in after.items() if path != "0.png"}
    assert_equals_new_gallery(gallery, folder)


def test_an_image_moved_over_another_replaces_it(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """The overwritten image is removed, and the moved one keeps its id under the new name."""
    before = hits(gallery)["0.png"]
    (folder / "0.png").replace(folder / "1.png")
    assert counts(gallery.update()) == {"moved": 1, "removed": 1, "unchanged": 4}
    assert hits(gallery)["1.png"].id == before.id
    assert_equals_new_gallery(gallery, folder)


def test_a_copy_is_added_without_being_encoded(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """Files with the same content share an embedding, whether they are added in one update or in two."""
    encoded = fake.encoded
    shutil.copy(folder / "0.png", folder / "copy.png")
    assert counts(gallery.update()) == {"added": 1, "unchanged": 6}
    assert fake.encoded == encoded
    drawn(folder / "7.png", 7)
    shutil.copy(folder / "7.png", folder / "again.png")
    assert gallery.update().added == 2
    assert_equals_new_gallery(gallery, folder)


def test_removing_one_of_two_copies_keeps_the_other(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """The remaining file keeps its id and its embedding."""
    shutil.copy(folder / "0.png", folder / "copy.png")
    gallery.update()
    before = hits(gallery)["copy.png"]
    (folder / "0.png").unlink()
    assert counts(gallery.update()) == {"removed": 1, "unchanged": 6}
    after = hits(gallery)["copy.png"]
    assert (after.id, after.score) == (before.id, before.score)
    assert_equals_new_gallery(gallery, folder)


def test_a_removed_image_is_no_longer_found(gallery: Gallery, folder: Path):
    """A deleted file is not found, and does not affect percentiles."""
    (folder / "0.png").unlink()
    shutil.rmtree(folder / "sub")
    assert counts(gallery.update()) == {"removed": 3, "unchanged": 3}
    assert sorted(hits(gallery)) == ["1.png", "2.png", "3.png"]
    assert_equals_new_gallery(gallery, folder)


def test_an_image_that_returns_gets_a_new_id(gallery: Gallery, folder: Path):
    """An image that was removed and added again has another id."""
    before = hits(gallery)["0.png"]
    content = (folder / "0.png").read_bytes()
    (folder / "0.png").unlink()
    gallery.update()
    (folder / "0.png").write_bytes(content)
    assert counts(gallery.update()) == {"added": 1, "unchanged": 5}
    assert hits(gallery)["0.png"].id != before.id
    assert_equals_new_gallery(gallery, folder)


def test_verify_detects_changes_with_unchanged_metadata(gallery: Gallery, folder: Path):
    """A change with the same size, time and inode is found only with verify."""
    path, other = folder / "0.bmp", folder / "1.bmp"
    draw(0).save(path)
    draw(1).save(other)
    gallery.update()
    before, stat = hits(gallery)["0.bmp"], path.stat()
    with path.open("r+b") as file:
        file.write(other.read_bytes())
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert counts(gallery.update()) == {"unchanged": 8}
    assert counts(gallery.update(verify=True)) == {"updated": 1, "unchanged": 7}
    assert hits(gallery)["0.bmp"].score == hits(gallery)["1.bmp"].score != before.score
    assert_equals_new_gallery(gallery, folder)


def test_verify_reads_every_file_once(gallery: Gallery, read_names: list[str], fake: FakeEncoder):
    """With verify every file is hashed, and unchanged ones are not encoded."""
    assert counts(gallery.update(verify=True)) == {"unchanged": 6}
    assert sorted(read_names) == ["0.png", "1.png", "2.png", "3.png", "4.png", "5.png"]
    assert fake.encoded == 6


BAD = {
    "empty.jpg": (b"", SkipKind.EMPTY),
    "text.jpg": (b"text", SkipKind.NOT_AN_IMAGE),
    "cut.png": (saved(draw(0), "PNG").getvalue()[:70], SkipKind.DAMAGED),
    "other.jpg": (saved(draw(1), "PNG").getvalue(), SkipKind.WRONG_EXTENSION),
    "large.png": (saved(draw(2, (300, 200)), "PNG").getvalue(), SkipKind.TOO_LARGE),
}


@pytest.fixture
def folder_with_bad_files(folder: Path) -> Path:
    """The folder with one bad file of each kind added."""
    for name, (content, _) in BAD.items():
        (folder / name).write_bytes(content)
    return folder


SMALL = GalleryOptions().with_changes(pixel_cap=50_000, strict=True)


def test_each_bad_file_is_listed_with_its_reason(folder_with_bad_files: Path, fake: FakeEncoder):
    """Every bad file is skipped with its kind, and the rest is indexed."""
    with Gallery.create(folder_with_bad_files, encoder=fake) as gallery:
        gallery.set_options(SMALL)
        report = gallery.update()
        assert counts(report) == {"added": 6, "skipped": 5, "encoded": 6}
        assert skipped(gallery) == {name: kind for name, (_, kind) in BAD.items()}
        assert all(item.reason for item in gallery.status().skipped)


def test_bad_files_with_lasting_problems_are_not_read_again(
    folder_with_bad_files: Path, fake: FakeEncoder, read_names: list[str]
):
    """Files with lasting problems are not read until they change, or the options do."""
    with Gallery.create(folder_with_bad_files, encoder=fake) as gallery:
        gallery.set_options(SMALL)
        gallery.update()
        read_names.clear()
        assert counts(gallery.update()) == {"unchanged": 6, "skipped": 5}
        assert read_names == []
        gallery.set_options(GalleryOptions())
        assert counts(gallery.update()) == {"added": 2, "unchanged": 6, "skipped": 3, "encoded": 1}


def test_repaired_and_deleted_bad_files_leave_the_list(folder_with_bad_files: Path, fake: FakeEncoder):
    """A skipped file that became an image is added, and a deleted one is no longer listed."""
    with Gallery.create(folder_with_bad_files, encoder=fake) as gallery:
        gallery.set_options(SMALL)
        gallery.update()
        draw(20).save(folder_with_bad_files / "empty.jpg")
        (folder_with_bad_files / "text.jpg").unlink()
        assert counts(gallery.update()) == {"added": 1, "unchanged": 6, "skipped": 3, "encoded": 1}
        assert sorted(skipped(gallery)) == ["cut.png", "large.png", "other.jpg"]
        assert "empty.jpg" in hits(gallery)


def test_an_image_that_became_a_text_file_is_skipped(gallery: Gallery, folder: Path):
    """An image overwritten with text is removed and listed as skipped."""
    (folder / "0.png").write_text("text")
    assert counts(gallery.update()) == {"removed": 1, "unchanged": 5, "skipped": 1}
    assert skipped(gallery) == {"0.png": SkipKind.NOT_AN_IMAGE}
    assert "0.png" not in hits(gallery)
    (folder / "0.png").unlink()
    assert_equals_new_gallery(gallery, folder)


@pytest.mark.parametrize("kind", ["new", "copy", "moved"])
def test_wrong_extensions_are_noted_or_skipped_even_for_known_contents(kind: str, gallery: Gallery, folder: Path):
    """A PNG named .jpg is used with a note, or skipped if that is wanted, even if its content is known already."""
    if kind == "moved":
        (folder / "0.png").rename(folder / "x.jpg")
    else:
        (folder / "x.jpg").write_bytes(
            saved(draw(77), "PNG").getvalue() if kind == "new" else (folder / "0.png").read_bytes()
        )
    assert gallery.update().noted == 1
    (note,) = gallery.status().notes
    assert note == Note("x.jpg", NoteKind.WRONG_EXTENSION, "named .jpg but contains PNG")
    gallery.set_options(GalleryOptions().with_changes(strict=True))
    assert counts(gallery.update())["removed"] == 1
    (item,) = gallery.status().skipped
    assert (item.path, item.kind) == ("x.jpg", SkipKind.WRONG_EXTENSION)
    assert "--no-strict" in item.reason
    assert "x.jpg" not in hits(gallery)
    gallery.set_options(GalleryOptions())
    assert gallery.update().skipped == 0
    assert "x.jpg" in hits(gallery)


def test_a_folder_that_cannot_be_listed_keeps_its_entries(gallery: Gallery, folder: Path, unprivileged: Unprivileged):
    """Entries and skipped files in an unreadable folder stay, and the folder is listed until it is readable again."""
    (folder / "sub" / "bad.jpg").write_text("text")
    gallery.update()
    before = hits(gallery)
    for mode in (0o000, 0o444):
        (folder / "sub").chmod(mode)
        _make_writable(gallery.path)
        with unprivileged():
            assert counts(gallery.update()) == {"unchanged": 4, "skipped": 2}
        after = hits(gallery)
        assert sorted(path for path in after if after[path].offline) == ["sub/4.png", "sub/5.png"]
        assert {path: replace(hit, offline=False) for path, hit in after.items()} == before
        assert skipped(gallery) == {"sub": SkipKind.UNREADABLE_FOLDER, "sub/bad.jpg": SkipKind.NOT_AN_IMAGE}
    (folder / "sub").chmod(0o755)
    assert counts(gallery.update()) == {"unchanged": 6, "skipped": 1}
    assert skipped(gallery) == {"sub/bad.jpg": SkipKind.NOT_AN_IMAGE}


def _make_writable(folder: Path) -> None:
    folder.chmod(0o777)
    for file in folder.iterdir():
        file.chmod(0o666)


def test_unreadable_folders_do_not_protect_folders_with_longer_names(
    gallery: Gallery, folder: Path, unprivileged: Unprivileged
):
    """Only entries in the unreadable folder are kept, not those in a folder whose name begins with its name."""
    drawn(folder / "subtle" / "9.png", 9)
    gallery.update()
    shutil.rmtree(folder / "subtle")
    (folder / "sub").chmod(0)
    _make_writable(gallery.path)
    with unprivileged():
        assert counts(gallery.update()) == {"removed": 1, "unchanged": 4, "skipped": 1}
    (folder / "sub").chmod(0o755)


def test_an_empty_or_unreadable_folder_does_not_empty_the_gallery(
    gallery: Gallery, folder: Path, unprivileged: Unprivileged
):
    """A folder that can't be listed raises GalleryError; without any images, all of the gallery's go offline."""
    before = hits(gallery)
    (folder / "empty folder").mkdir()
    aside = folder.parent / "aside"
    aside.mkdir()
    for name in ("0.png", "1.png", "2.png", "3.png", "sub"):
        (folder / name).rename(aside / name)
    assert gallery.update().losses == [Loss("", 6)]
    folder.chmod(0)
    with (
        unprivileged(),
        pytest.raises(GalleryError, match=r"can't list this folder \(Permission denied\); the gallery was not changed"),
    ):
        gallery.update()
    folder.chmod(0o755)
    assert {path: replace(hit, offline=False) for path, hit in hits(gallery).items()} == before
    for name in ("0.png", "1.png", "2.png", "3.png", "sub"):
        (aside / name).rename(folder / name)
    assert counts(gallery.update()) == {"unchanged": 6}


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_images_behind_a_broken_link_stay(gallery: Gallery, folder: Path):
    """A linked folder whose target is missing is listed as skipped, and its images stay."""
    drive = folder.parent / "drive"
    drawn(drive / "7.png", 7)
    (folder / "linked").symlink_to(drive)
    assert gallery.update().added == 1
    drive.rename(folder.parent / "unplugged")
    assert gallery.update().removed == 0
    assert skipped(gallery)["linked"] == SkipKind.UNREADABLE_FOLDER
    assert "linked/7.png" in hits(gallery)
    (folder.parent / "unplugged").rename(drive)
    gallery.update()
    assert "linked" not in skipped(gallery)


def test_an_empty_folder_gets_no_gallery(tmp_path: Path, fake: FakeEncoder, unprivileged: Unprivileged):
    """No gallery is created for a folder without images, a missing folder, or one that can't be listed."""
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(GalleryError, match="no images in this folder"):
        Gallery.create(tmp_path, encoder=fake)
    with pytest.raises(GalleryError, match="there is no such folder"):
        Gallery.create(tmp_path / "nowhere", encoder=fake)
    (tmp_path / "closed").mkdir(mode=0)
    with unprivileged(), pytest.raises(GalleryError, match="can't list"):
        Gallery.create(tmp_path / "closed", encoder=fake)
    assert not list(tmp_path.rglob("*lookalike*"))
    (tmp_path / "closed").chmod(0o755)


def test_a_file_deleted_during_an_update_is_skipped_once(
    gallery: Gallery, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """A file deleted before it is read is skipped in this update, and removed and not listed in the next."""
    drawn(folder / "6.png", 6)
    os.utime(folder / "0.png", ns=(1, 1))
    real = embedding_module.open_file

    def delete_and_open(path: Path) -> object:
        path.unlink()
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(embedding_module, "open_file", delete_and_open)
        assert counts(gallery.update()) == {"unchanged": 5, "skipped": 2}
    assert skipped(gallery) == {"0.png": SkipKind.VANISHED, "6.png": SkipKind.VANISHED}
    assert "0.png" in hits(gallery)
    assert counts(gallery.update()) == {"removed": 1, "unchanged": 5}
    assert_equals_new_gallery(gallery, folder)


@pytest.mark.parametrize(
    ("error", "kind"), [(OSError(5, "Input/output error"), "unreadable"), (MemoryError(), "out-of-memory")]
)
def test_a_read_error_skips_the_file(
    error: Exception, kind: str, gallery: Gallery, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """After a disk error or too little memory the file is skipped, and tried again in the next update."""
    drawn(folder / "6.png", 6)

    def failing(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(embedding_module, "open_image", failing)
        assert counts(gallery.update()) == {"unchanged": 6, "skipped": 1}
    assert skipped(gallery) == {"6.png": kind}
    assert counts(gallery.update()) == {"added": 1, "unchanged": 6, "encoded": 1}


def test_an_image_replaced_by_a_folder_or_pipe_is_skipped(gallery: Gallery, folder: Path):
    """An entry whose path became a folder or a named pipe is removed and listed as skipped."""
    for name in ("0.png", "1.png"):
        (folder / name).unlink()
    (folder / "0.png").mkdir()
    os.mkfifo(folder / "1.png")
    assert counts(gallery.update()) == {"removed": 2, "unchanged": 4, "skipped": 2}
    assert skipped(gallery) == {"0.png": SkipKind.FOLDER, "1.png": SkipKind.SPECIAL}


def test_far_future_dates_are_supported(gallery: Gallery, folder: Path):
    """An image dated in the year 3000 is indexed and not read again."""
    try:
        os.utime(folder / "0.png", ns=(32503680000 * 10**9,) * 2)
    except (OverflowError, OSError):
        pytest.skip("this file system doesn't support such dates")
    assert counts(gallery.update()) == {"unchanged": 6}


def test_embeddings_do_not_depend_on_the_batch(tmp_path: Path):
    """An image gets the same score whichever images it was encoded with."""
    first, second = FakeEncoder(), FakeEncoder()
    for number in range(30):
        drawn(tmp_path / "photos" / f"{number:02}.png", number)
    with index(tmp_path / "photos", first) as at_once:
        (tmp_path / "photos" / "29.png").rename(tmp_path / "29.png")
        with index(tmp_path / "photos", second, tmp_path / "other") as in_two_steps:
            (tmp_path / "29.png").rename(tmp_path / "photos" / "29.png")
            in_two_steps.update()
            query = draw(100)
            assert [(hit.path, hit.score) for hit in at_once.search(query, 99).hits] == [
                (hit.path, hit.score) for hit in in_two_steps.search(query, 99).hits
            ]
    assert max(first.runtime.batches) > 1


def test_progress_counts_the_files_to_read(gallery: Gallery, folder: Path):
    """The callback is called with increasing counts up to the number of files to read."""
    for number in range(20):
        drawn(folder / f"more {number}.png", 200 + number)
    calls: list[tuple[int, int, str]] = []
    gallery.update(progress=lambda *call: calls.append(call))
    assert calls == sorted(calls)
    assert calls[-1][:2] == (20, 20)
    assert {total for _, total, _ in calls} == {20}
    assert all((folder / path).is_file() for *_, path in calls)


def test_an_interrupted_update_resumes(folder: Path):
    """An interrupted update keeps the committed images, and the next one adds the rest."""
    for number in range(40):
        drawn(folder / f"more {number}.png", 300 + number)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    encoder = FakeEncoder()
    with Gallery.create(folder, encoder=encoder) as gallery:
        with pytest.raises(KeyboardInterrupt):
            gallery.update(progress=stop)
        committed = gallery.status().images
        assert 0 < committed < 46
        assert counts(gallery.update()) == {"added": 46 - committed, "unchanged": committed, "encoded": 46 - committed}
        assert_equals_new_gallery(gallery, folder)


def test_the_real_encoder_updates_a_copied_folder(indexed: Path, encoder: Encoder):
    """With the real encoder, a copied folder is unchanged, and a crop is found next to its source."""
    with Gallery.open(indexed, encoder=encoder, writing=True) as gallery:
        assert counts(gallery.update()) == {"unchanged": 8}
        with Image.open(indexed / "chelsea.png") as cat:
            cat.crop((20, 10, 430, 290)).save(indexed / "crop.jpg", quality=90)
        assert counts(gallery.update()) == {"added": 1, "unchanged": 8, "encoded": 1}
        assert ranked_paths(gallery, indexed / "crop.jpg", 1) == ["chelsea.png"]
        _, vectors = gallery.embeddings()
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)


def test_unchanged_files_are_compared_in_bounded_memory(tmp_path: Path):
    """An update does not keep the entries of unchanged files."""
    files = [FoundFile(f"folder {number // 100:03}/{number:05}.jpg", STAT) for number in range(30_000)]
    with closing(make_store(tmp_path)) as store:
        content = upsert("content")
        entries = [EntryChange(file.path, file.stat, content.digest, content.vector) for file in files]
        store.commit(Changes(upserts=entries))
        del entries
        tracemalloc.start()
        try:
            found = Comparison(store, files, [], Rules.current(ReadOptions()))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (found.to_read, found.unchanged) == ([], len(files))
    assert peak < 150 * len(files)


@pytest.mark.parametrize("seed", range(12))
def test_any_changes_give_the_gallery_of_a_new_run(seed: int, tmp_path: Path):
    """After any mixture of additions, changes, moves, swaps and removals, with or without verify, all is found."""
    folder, rng, encoder = tmp_path / "photos", np.random.default_rng(seed), FakeEncoder()
    names = [f"{letter}/{number}.png" for letter in "aZ-" for number in range(6)]
    for name in names[::2]:
        drawn(folder / name, names.index(name))
    with Gallery.create(folder, encoder=encoder) as gallery:
        gallery.update()
        for step in range(4):
            for _ in range(5):
                one, other = rng.choice(names, 2, replace=False)
                match rng.integers(4):
                    case 0:
                        drawn(folder / one, int(rng.integers(1000)))
                    case 1:
                        (folder / one).unlink(missing_ok=True)
                    case 2 if (folder / one).exists():
                        (folder / one).replace(folder / other)
                    case 3 if (folder / one).exists() and (folder / other).exists():
                        (folder / one).rename(folder / "aside")
                        (folder / other).rename(folder / one)
                        (folder / "aside").rename(folder / other)
            report = gallery.update(verify=bool(step % 2))
            assert report.skipped == 0
            assert_equals_new_gallery(gallery, folder)
            assert counts(gallery.update(verify=True)) == {"unchanged": len(gallery)}
