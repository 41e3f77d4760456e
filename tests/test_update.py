"""Bringing a gallery up to date: what is added, changed, moved and gone, and what is left unread."""

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawing import draw, drawn, saved
from fakes import FakeEncoder
from galleries import index, ranked
from lookalike import Encoder, Gallery, GalleryError, UpdateReport
from lookalike import embedding as embedding_module
from lookalike.images.files import SkipKind
from lookalike.search.ranking import Hit

AsNobody = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six small pictures, two of them in a folder below."""
    for number in range(4):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    drawn(tmp_path / "photos" / "sub" / "4.png", 4)
    drawn(tmp_path / "photos" / "sub" / "5.png", 5)
    return tmp_path / "photos"


@pytest.fixture
def gallery(folder: Path, fake: FakeEncoder) -> Iterable[Gallery]:
    """The gallery of those six, up to date and open for writing."""
    with index(folder, fake) as gallery:
        yield gallery


def counts(report: UpdateReport) -> dict[str, int]:
    """What a report counted, without zeros and without times."""
    names = ("added", "updated", "moved", "removed", "unchanged", "skipped", "encoded")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def hits(gallery: Gallery, query: object = None) -> dict[str, Hit]:
    """Every picture of the gallery, by its path, as a search for a drawing finds it."""
    return {hit.path: hit for hit in gallery.search(draw(99) if query is None else query, k=1000).hits}  # type: ignore[arg-type]


def skipped(gallery: Gallery) -> dict[str, SkipKind]:
    """The gallery's skipped files."""
    return {item.path: item.kind for item in gallery.status().skipped}


def assert_fresh(gallery: Gallery, folder: Path) -> None:
    """Everything in the gallery is as a gallery made anew has it."""
    with index(folder, FakeEncoder(), folder.parent / "fresh") as fresh:
        for query in folder.rglob("*.png"):
            expected, found = (
                [(hit.path, hit.score, hit.percentile) for hit in one.search(query, 1000).hits]
                for one in (fresh, gallery)
            )
            assert found == expected
    shutil.rmtree(folder.parent / "fresh")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that an update opens from now on."""
    names: list[str] = []
    real = embedding_module.open_file

    def noting(path: Path) -> object:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(embedding_module, "open_file", noting)
    return names


def test_a_first_update_enters_every_picture(folder: Path, fake: FakeEncoder):
    """Each picture is added and encoded once; times and rates are told."""
    with Gallery.create(folder, encoder=fake) as gallery:
        report = gallery.update()
        assert counts(report) == {"added": 6, "encoded": 6}
        assert report.images_per_second == pytest.approx(6 / report.seconds)
        assert sorted(hits(gallery)) == ["0.png", "1.png", "2.png", "3.png", "sub/4.png", "sub/5.png"]
    assert UpdateReport().images_per_second == 0


def test_what_is_unchanged_is_not_read(gallery: Gallery, reads: list[str], monkeypatch: pytest.MonkeyPatch):
    """A second update opens no file, encodes nothing, and doesn't even make its encoder ready."""
    monkeypatch.setattr(Gallery, "encoder", property(lambda _: pytest.fail("the encoder was asked for")))
    assert counts(gallery.update()) == {"unchanged": 6}
    assert reads == []


def test_what_may_not_be_read_but_is_unchanged_stays(gallery: Gallery, folder: Path, unprivileged: AsNobody):
    """A picture that has become unreadable, but whose size, time and inode are the same, isn't missed."""
    (folder / "0.png").chmod(0)
    with unprivileged():
        assert "0.png" in hits(gallery)
    assert counts(gallery.update()) == {"unchanged": 6}


def test_a_new_picture_is_added(gallery: Gallery, folder: Path, reads: list[str], fake: FakeEncoder):
    """Only the new file is read and encoded."""
    drawn(folder / "6.png", 6)
    assert counts(gallery.update()) == {"added": 1, "unchanged": 6, "encoded": 1}
    assert reads == ["6.png"]
    assert_fresh(gallery, folder)


def test_a_changed_picture_is_encoded_again_and_keeps_its_id(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """A file with another content is updated in its place."""
    before = hits(gallery)["0.png"]
    drawn(folder / "0.png", 50)
    assert counts(gallery.update()) == {"updated": 1, "unchanged": 5, "encoded": 1}
    after = hits(gallery)["0.png"]
    assert after.id == before.id
    assert after.score != before.score
    assert_fresh(gallery, folder)


def test_a_touched_picture_is_hashed_and_nothing_else(
    gallery: Gallery, folder: Path, reads: list[str], fake: FakeEncoder
):
    """A file with a new time and the same content is read once, not encoded, and not read the next time."""
    encoded = fake.encoded
    os.utime(folder / "0.png", ns=(1, 1))
    assert counts(gallery.update()) == {"unchanged": 6}
    assert counts(gallery.update()) == {"unchanged": 6}
    assert reads == ["0.png"]
    assert fake.encoded == encoded


@pytest.mark.parametrize("target", ["renamed.png", "sub/0.png", "new/deep/0.png"])
def test_a_moved_picture_keeps_its_id_and_its_embedding(target: str, gallery: Gallery, folder: Path, fake: FakeEncoder):
    """A file found elsewhere under another or the same name is the same picture, and isn't encoded again."""
    before, encoded = hits(gallery)["0.png"], fake.encoded
    (folder / target).parent.mkdir(parents=True, exist_ok=True)
    (folder / "0.png").rename(folder / target)
    assert counts(gallery.update()) == {"moved": 1, "unchanged": 5}
    assert fake.encoded == encoded
    after = hits(gallery)
    assert "0.png" not in after
    assert (after[target].id, after[target].score) == (before.id, before.score)
    assert_fresh(gallery, folder)


def test_a_moved_folder_moves_its_pictures(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """Renaming a folder keeps every id in it."""
    before = hits(gallery)
    (folder / "sub").rename(folder / "a better name")
    assert counts(gallery.update()) == {"moved": 2, "unchanged": 4}
    after = hits(gallery)
    for name in ("4.png", "5.png"):
        assert after[f"a better name/{name}"].id == before[f"sub/{name}"].id


def test_pictures_that_swap_names_are_told_apart(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """After two files change names, each name has the other's embedding, and nothing is encoded."""
    before, encoded = hits(gallery), fake.encoded
    for old, new in (("0.png", "x"), ("1.png", "0.png"), ("x", "1.png")):
        (folder / old).rename(folder / new)
    report = gallery.update()
    assert (report.encoded, report.added, report.removed) == (0, 0, 0)
    assert fake.encoded == encoded
    after = hits(gallery)
    assert (after["0.png"].score, after["1.png"].score) == (before["1.png"].score, before["0.png"].score)
    assert (after["0.png"].id, after["1.png"].id) == (before["1.png"].id, before["0.png"].id)
    assert_fresh(gallery, folder)


@pytest.mark.parametrize("seed", range(6))
def test_ids_follow_pictures_through_any_renaming(seed: int, tmp_path: Path, fake: FakeEncoder):
    """Numbers shifted up or down, or every name dealt out anew: each picture keeps its id, and none is encoded."""
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
        place = folder / f"{target[0]:02}.png"
        after = {hit.path: hit.id for hit in gallery.search(place, 99, include_self=True).hits}
    stayed = sum(number == other for number, other in enumerate(target))
    assert (report.moved, report.unchanged) == (40 - stayed, stayed)
    assert (report.added, report.updated, report.removed, report.skipped) == (0, 0, 0, 0)
    assert after == {f"{target[number]:02}.png": before[f"{number:02}.png"] for number in range(40)}
    assert fake.encoded == 40 + 2  # the two queries


def test_a_new_picture_under_the_name_of_one_that_moved_is_another(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """The old picture takes its id along; what has its name now gets one of its own."""
    before = hits(gallery)["0.png"]
    (folder / "0.png").rename(folder / "9.png")
    drawn(folder / "0.png", 60)
    assert counts(gallery.update()) == {"added": 1, "moved": 1, "unchanged": 5, "encoded": 1}
    after = hits(gallery)
    assert after["9.png"].id == before.id
    assert after["0.png"].id not in {hit.id for path, hit in after.items() if path != "0.png"}
    assert_fresh(gallery, folder)


def test_a_picture_moved_over_another_takes_its_place(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """The one that was overwritten leaves; the other keeps its id under the new name."""
    before = hits(gallery)["0.png"]
    (folder / "0.png").replace(folder / "1.png")
    assert counts(gallery.update()) == {"moved": 1, "removed": 1, "unchanged": 4}
    assert hits(gallery)["1.png"].id == before.id
    assert_fresh(gallery, folder)


def test_a_copy_is_added_without_being_encoded(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """Two files of one content are two pictures with one embedding, in one update or in two."""
    encoded = fake.encoded
    shutil.copy(folder / "0.png", folder / "copy.png")
    assert counts(gallery.update()) == {"added": 1, "unchanged": 6}
    assert fake.encoded == encoded
    drawn(folder / "7.png", 7)
    shutil.copy(folder / "7.png", folder / "again.png")
    assert gallery.update().added == 2
    assert_fresh(gallery, folder)


def test_of_two_copies_the_one_that_stays_stays(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """When one of two equal files goes, the other keeps its id and its embedding."""
    shutil.copy(folder / "0.png", folder / "copy.png")
    gallery.update()
    before = hits(gallery)["copy.png"]
    (folder / "0.png").unlink()
    assert counts(gallery.update()) == {"removed": 1, "unchanged": 6}
    after = hits(gallery)["copy.png"]
    assert (after.id, after.score) == (before.id, before.score)
    assert_fresh(gallery, folder)


def test_a_removed_picture_leaves(gallery: Gallery, folder: Path):
    """A file that is gone is found no more, and nothing is left of it in the figures."""
    (folder / "0.png").unlink()
    shutil.rmtree(folder / "sub")
    assert counts(gallery.update()) == {"removed": 3, "unchanged": 3}
    assert sorted(hits(gallery)) == ["1.png", "2.png", "3.png"]
    assert_fresh(gallery, folder)


def test_a_picture_that_returns_is_a_new_one(gallery: Gallery, folder: Path):
    """A picture that was let go of gets another id when it is back."""
    before = hits(gallery)["0.png"]
    content = (folder / "0.png").read_bytes()
    (folder / "0.png").unlink()
    gallery.update()
    (folder / "0.png").write_bytes(content)
    assert counts(gallery.update()) == {"added": 1, "unchanged": 5, "encoded": 1}
    assert hits(gallery)["0.png"].id != before.id
    assert_fresh(gallery, folder)


def test_verify_finds_a_change_behind_a_forged_state(gallery: Gallery, folder: Path):
    """A content changed in place, its size, time and inode forged, is overlooked without --verify and found with it."""
    path, other = folder / "0.bmp", folder / "1.bmp"
    draw(0).save(path)
    draw(1).save(other)
    gallery.update()
    before, state = hits(gallery)["0.bmp"], path.stat()
    with path.open("r+b") as file:
        file.write(other.read_bytes())
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert path.stat().st_size == state.st_size
    assert counts(gallery.update()) == {"unchanged": 8}
    assert counts(gallery.update(verify=True)) == {"updated": 1, "unchanged": 7}
    assert hits(gallery)["0.bmp"].score == hits(gallery)["1.bmp"].score != before.score
    assert_fresh(gallery, folder)


def test_verify_reads_everything_once(gallery: Gallery, reads: list[str], fake: FakeEncoder):
    """With --verify every file is hashed, and none encoded that hasn't changed."""
    assert counts(gallery.update(verify=True)) == {"unchanged": 6}
    assert sorted(reads) == ["0.png", "1.png", "2.png", "3.png", "4.png", "5.png"]
    assert fake.encoded == 6


BAD = {
    "empty.jpg": (b"", SkipKind.EMPTY),
    "text.jpg": (b"words", SkipKind.NOT_A_PICTURE),
    "cut.png": (saved(draw(0), "PNG").getvalue()[:70], SkipKind.DAMAGED),
    "other.jpg": (saved(draw(1), "PNG").getvalue(), SkipKind.WRONG_EXTENSION),
    "large.png": (saved(draw(2, (300, 200)), "PNG").getvalue(), SkipKind.TOO_LARGE),
}


@pytest.fixture
def spoilt(folder: Path) -> Path:
    """A folder with one file of each kind that can't be used, and some that can."""
    for name, (content, _) in BAD.items():
        (folder / name).write_bytes(content)
    return folder


SMALL = {"pixel_cap": 50_000}


def test_each_bad_file_is_listed_with_its_reason(spoilt: Path, fake: FakeEncoder):
    """Every file that can't be used is skipped for what is wrong with it, and the rest is indexed."""
    with Gallery.create(spoilt, encoder=fake) as gallery:
        report = gallery.update(**SMALL)
        assert counts(report) == {"added": 6, "skipped": 5, "encoded": 6}
        assert skipped(gallery) == {name: kind for name, (_, kind) in BAD.items()}
        assert all(item.reason for item in gallery.status().skipped)


def test_what_stays_wrong_is_not_read_again(spoilt: Path, fake: FakeEncoder, reads: list[str]):
    """Files that can't get better by themselves aren't read until they change; those that might, are."""
    with Gallery.create(spoilt, encoder=fake) as gallery:
        gallery.update(**SMALL)
        reads.clear()
        assert counts(gallery.update(**SMALL)) == {"unchanged": 6, "skipped": 5}
        assert reads == ["large.png"]
        assert counts(gallery.update()) == {"added": 1, "unchanged": 6, "skipped": 4, "encoded": 1}


def test_a_mended_file_enters_and_leaves_the_list(spoilt: Path, fake: FakeEncoder):
    """A skipped file that has become a picture is added, and one that is gone is forgotten."""
    with Gallery.create(spoilt, encoder=fake) as gallery:
        gallery.update(**SMALL)
        draw(20).save(spoilt / "empty.jpg")
        (spoilt / "text.jpg").unlink()
        assert counts(gallery.update(**SMALL)) == {"added": 1, "unchanged": 6, "skipped": 3, "encoded": 1}
        assert sorted(skipped(gallery)) == ["cut.png", "large.png", "other.jpg"]
        assert "empty.jpg" in hits(gallery)


def test_a_picture_that_is_spoilt_leaves_for_the_list(gallery: Gallery, folder: Path):
    """A picture overwritten with words is no longer found, and is skipped instead."""
    (folder / "0.png").write_text("words")
    assert counts(gallery.update()) == {"removed": 1, "unchanged": 5, "skipped": 1}
    assert skipped(gallery) == {"0.png": SkipKind.NOT_A_PICTURE}
    assert "0.png" not in hits(gallery)
    (folder / "0.png").unlink()
    assert_fresh(gallery, folder)


@pytest.mark.parametrize("kind", ["new", "copy", "moved"])
def test_a_wrong_extension_counts_whether_the_content_is_known_or_not(kind: str, gallery: Gallery, folder: Path):
    """A PNG called .jpg is skipped with a hint, also if the gallery has its content already."""
    if kind == "moved":
        (folder / "0.png").rename(folder / "x.jpg")
    else:
        (folder / "x.jpg").write_bytes(saved(draw(77), "PNG").getvalue() if kind == "new" else _bytes(folder / "0.png"))
    gallery.update()
    (item,) = gallery.status().skipped
    assert (item.path, item.kind) == ("x.jpg", SkipKind.WRONG_EXTENSION)
    assert item.reason == "named .jpg, but what it holds is PNG: rename it, or index with --any-extension"
    assert gallery.update(any_extension=True).skipped == 0
    assert "x.jpg" in hits(gallery)


def _bytes(path: Path) -> bytes:
    return path.read_bytes()


def test_a_folder_that_cannot_be_listed_keeps_its_entries(gallery: Gallery, folder: Path, unprivileged: AsNobody):
    """Pictures and skipped files in an unreadable folder stay as they were; the folder is listed until it is mended."""
    (folder / "sub" / "bad.jpg").write_text("words")
    gallery.update()
    before = hits(gallery)
    for mode in (0o000, 0o444):
        (folder / "sub").chmod(mode)
        _writable_by_all(gallery.path)
        with unprivileged():
            assert counts(gallery.update()) == {"unchanged": 4, "skipped": 2}
        assert hits(gallery) == before
        assert skipped(gallery) == {"sub": SkipKind.UNREADABLE_FOLDER, "sub/bad.jpg": SkipKind.NOT_A_PICTURE}
    (folder / "sub").chmod(0o755)
    assert counts(gallery.update()) == {"unchanged": 6, "skipped": 1}
    assert skipped(gallery) == {"sub/bad.jpg": SkipKind.NOT_A_PICTURE}


def _writable_by_all(folder: Path) -> None:
    folder.chmod(0o777)
    for file in folder.iterdir():
        file.chmod(0o666)


def test_a_folder_beside_an_unreadable_one_is_not_taken_for_it(gallery: Gallery, folder: Path, unprivileged: AsNobody):
    """Only what lies below the unreadable folder is kept, not what has a longer name that begins alike."""
    drawn(folder / "subtle" / "9.png", 9)
    gallery.update()
    shutil.rmtree(folder / "subtle")
    (folder / "sub").chmod(0)
    _writable_by_all(gallery.path)
    with unprivileged():
        assert counts(gallery.update()) == {"removed": 1, "unchanged": 4, "skipped": 1}
    (folder / "sub").chmod(0o755)


def test_a_gallery_is_not_emptied_because_a_disk_is_not_there(gallery: Gallery, folder: Path, unprivileged: AsNobody):
    """A folder without any picture, or that can't be listed, is an error, and the gallery is kept."""
    before = hits(gallery)
    (folder / "put away").mkdir()
    aside = folder.parent / "aside"
    aside.mkdir()
    for name in ("0.png", "1.png", "2.png", "3.png", "sub"):
        (folder / name).rename(aside / name)
    with pytest.raises(GalleryError, match="no pictures in this folder; the gallery is kept as it was"):
        gallery.update()
    folder.chmod(0)
    with (
        unprivileged(),
        pytest.raises(GalleryError, match=r"can't be listed \(Permission denied\); the gallery is kept"),
    ):
        gallery.update()
    folder.chmod(0o755)
    assert hits(gallery) == before
    for name in ("0.png", "1.png", "2.png", "3.png", "sub"):
        (aside / name).rename(folder / name)
    assert counts(gallery.update()) == {"unchanged": 6}


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_pictures_behind_a_link_stay_while_it_leads_nowhere(gallery: Gallery, folder: Path):
    """A linked folder whose drive is not there is listed, and its pictures are kept until it is back."""
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


def test_an_empty_folder_gets_no_gallery(tmp_path: Path, fake: FakeEncoder, unprivileged: AsNobody):
    """Nothing is made where there are no pictures, no folder, or no permission to look."""
    (tmp_path / "notes.txt").write_text("words")
    with pytest.raises(GalleryError, match="no pictures in this folder"):
        Gallery.create(tmp_path, encoder=fake)
    with pytest.raises(GalleryError, match="there is no such folder"):
        Gallery.create(tmp_path / "nowhere", encoder=fake)
    (tmp_path / "closed").mkdir(mode=0)
    with unprivileged(), pytest.raises(GalleryError, match="can't be listed"):
        Gallery.create(tmp_path / "closed", encoder=fake)
    assert not list(tmp_path.rglob("*lookalike*"))
    (tmp_path / "closed").chmod(0o755)


def test_a_file_that_vanishes_meanwhile_is_listed_and_then_forgotten(
    gallery: Gallery, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """A file that goes between being found and being read is skipped in this update, and unknown to the next."""
    drawn(folder / "6.png", 6)
    os.utime(folder / "0.png", ns=(1, 1))
    real = embedding_module.open_file

    def too_late(path: Path) -> object:
        path.unlink()
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(embedding_module, "open_file", too_late)
        assert counts(gallery.update()) == {"removed": 1, "unchanged": 5, "skipped": 2}
    assert skipped(gallery) == {"0.png": SkipKind.VANISHED, "6.png": SkipKind.VANISHED}
    assert counts(gallery.update()) == {"unchanged": 5}
    assert_fresh(gallery, folder)


@pytest.mark.parametrize(
    ("error", "kind"), [(OSError(5, "Input/output error"), "unreadable"), (MemoryError(), "too-large")]
)
def test_trouble_while_reading_skips_the_file(
    error: Exception, kind: str, gallery: Gallery, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """A failing disk, or too little memory, costs that one file, and it is tried again the next time."""
    drawn(folder / "6.png", 6)

    def failing(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(embedding_module, "open_picture", failing)
        assert counts(gallery.update()) == {"unchanged": 6, "skipped": 1}
    assert skipped(gallery) == {"6.png": kind}
    assert counts(gallery.update()) == {"added": 1, "unchanged": 6, "encoded": 1}


def test_what_has_turned_into_a_folder_or_a_pipe_is_skipped(gallery: Gallery, folder: Path):
    """A picture's name taken over by a folder or a named pipe leaves the gallery for the list."""
    for name in ("0.png", "1.png"):
        (folder / name).unlink()
    (folder / "0.png").mkdir()
    os.mkfifo(folder / "1.png")
    assert counts(gallery.update()) == {"removed": 2, "unchanged": 4, "skipped": 2}
    assert skipped(gallery) == {"0.png": SkipKind.FOLDER, "1.png": SkipKind.SPECIAL}


def test_dates_beyond_the_database_do_no_harm(gallery: Gallery, folder: Path):
    """A picture dated in the year 3000 is indexed like any other, and not read again."""
    try:
        os.utime(folder / "0.png", ns=(32503680000 * 10**9,) * 2)
    except (OverflowError, OSError):
        pytest.skip("this file system doesn't know such dates")
    assert counts(gallery.update()) == {"unchanged": 6}


def test_two_runs_encode_the_same_vectors_whatever_the_batches(tmp_path: Path):
    """A picture's embedding doesn't depend on which pictures it was encoded with."""
    first, second = FakeEncoder(), FakeEncoder()
    for number in range(30):
        drawn(tmp_path / "photos" / f"{number:02}.png", number)
    with index(tmp_path / "photos", first) as at_once:
        (tmp_path / "photos" / "29.png").rename(tmp_path / "29.png")
        with index(tmp_path / "photos", second, tmp_path / "other") as bit_by_bit:
            (tmp_path / "29.png").rename(tmp_path / "photos" / "29.png")
            bit_by_bit.update()
            query = draw(100)
            assert [(hit.path, hit.score) for hit in at_once.search(query, 99).hits] == [
                (hit.path, hit.score) for hit in bit_by_bit.search(query, 99).hits
            ]
    assert max(first.runtime.batches) > 1


def test_progress_tells_how_many_are_done_of_all_to_read(gallery: Gallery, folder: Path):
    """The function given is told rising numbers up to that of the files to read."""
    for number in range(20):
        drawn(folder / f"more {number}.png", 200 + number)
    told: list[tuple[int, int]] = []
    gallery.update(progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (20, 20)
    assert {total for _, total in told} == {20}


def test_an_update_that_is_stopped_keeps_what_was_done(folder: Path):
    """Stopped by the user, an update commits the pictures that were finished, and the next one does the rest."""
    for number in range(40):
        drawn(folder / f"more {number}.png", 300 + number)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    encoder = FakeEncoder()
    with Gallery.create(folder, encoder=encoder) as gallery:
        with pytest.raises(KeyboardInterrupt):
            gallery.update(progress=stop)
        kept = gallery.status().pictures
        assert 0 < kept < 46
        assert counts(gallery.update()) == {"added": 46 - kept, "unchanged": kept, "encoded": 46 - kept}
        assert_fresh(gallery, folder)


def test_a_real_gallery_follows_its_folder(indexed: Path, encoder: Encoder):
    """With the real encoder, a copied folder is known by its contents, and a new crop is found next to its source."""
    with Gallery.open(indexed, encoder=encoder, writing=True) as gallery:
        assert counts(gallery.update()) == {"unchanged": 8}
        with Image.open(indexed / "chelsea.png") as cat:
            cat.crop((20, 10, 430, 290)).save(indexed / "crop.jpg", quality=90)
        assert counts(gallery.update()) == {"added": 1, "unchanged": 8, "encoded": 1}
        assert ranked(gallery, indexed / "crop.jpg", 1) == ["chelsea.png"]
        vectors = gallery._store.vectors()
        assert np.linalg.norm(vectors.matrix, axis=1) == pytest.approx(1, abs=1e-6)
