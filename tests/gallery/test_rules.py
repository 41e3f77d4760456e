"""Decoding rules and options are kept in a gallery; other rules encode again only what they can change."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from drawing import drawn
from fakes import FakeEncoder
from galleries import index
from lookalike import Gallery, ImageError
from lookalike.errors import GalleryDamagedError
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.options import GalleryOptions
from lookalike.gallery.records import Changes
from lookalike.images.decode import ReadOptions
from lookalike.images.files import NoteKind, SkipKind
from lookalike.images.pixels.levels import Levels
from lookalike.images.rules import DECODING_VERSION, Rules, can_change
from odd_files import SIZE, encoded, grey, photo, profile, tiff
from stores import check_store, digest_of, make_store

NOW = Rules.current(ReadOptions())
FIRST = Rules.parse("1")

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FILES: dict[str, tuple[bytes, bool]] = {
    "plain.jpg": (encoded(photo(), "JPEG"), False),
    "plain.png": (encoded(photo(), "PNG"), False),
    "plain.webp": (encoded(photo(), "WEBP", quality=90), False),
    "srgb.jpg": (encoded(photo(), "JPEG", icc_profile=SRGB), False),
    "p3.jpg": (encoded(photo(), "JPEG", icc_profile=profile()), True),
    "alpha.png": (encoded(photo().convert("RGBA"), "PNG"), True),
    "animated.png": (encoded(photo(), "PNG", save_all=True, append_images=[photo().rotate(180)]), True),
    "deep.tif": (tiff(grey().astype(np.uint16) * np.uint16(16)), True),
    "cut.jpg": (encoded(photo(), "JPEG", quality=95)[:-4], False),
}
"""Files, and whether version 2 of the rules can change them. (A cut JPEG was skipped under version 1.)"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of those files."""
    for name, (content, _) in FILES.items():
        (tmp_path / "photos" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(content)
    return tmp_path / "photos"


@pytest.fixture
def gallery(folder: Path, fake: FakeEncoder) -> Iterable[Gallery]:
    """Their gallery, up to date and open for writing."""
    with index(folder, fake) as gallery:
        yield gallery


def set_rules(gallery: Gallery, rules: str) -> None:
    """Let everything in a gallery be read under other decoding rules."""
    with closing(sqlite3.connect(gallery.path / "gallery.sqlite3")) as connection, connection:
        for table in ("embeddings", "skips"):
            connection.execute(f"UPDATE {table} SET rules = ?", (rules,))  # noqa: S608  names of tables


@pytest.mark.parametrize("name", FILES)
def test_which_images_version_2_can_change(name: str, folder: Path):
    """Ordinary photos stay as they are; profiles, transparency, animations and deep samples may change."""
    assert can_change(folder / name, FIRST, NOW) is FILES[name][1]


def test_a_file_that_may_be_blank_can_change(tmp_path: Path):
    """A JPEG of a single colour is so small that it is read again."""
    path = tmp_path / "grey.jpg"
    Image.new("RGB", SIZE, "grey").save(path)
    assert can_change(path, FIRST, NOW)
    path.write_bytes(b"junk")
    assert can_change(path, FIRST, NOW)
    assert can_change(tmp_path / "missing.jpg", FIRST, NOW)


def test_new_rules_encode_again_only_what_they_can_change(gallery: Gallery, fake: FakeEncoder):
    """After an update of the program, the next update reads those files again, says how many, and the rest never."""
    set_rules(gallery, "1")
    affected = sum(changes for _, changes in FILES.values())
    fake.seen = 0
    report = gallery.update()
    assert (report.reread, report.encoded, report.unchanged) == (affected, affected, len(FILES))
    assert (report.added, report.updated, report.removed) == (0, 0, 0)
    again = gallery.update()
    assert (again.reread, again.encoded) == (0, 0)
    assert not gallery.outdated_paths(ReadOptions())


def test_vectors_of_copies_change_together(folder: Path, fake: FakeEncoder):
    """All images of a content get its new embedding, also for a reader that has searched before."""
    (folder / "copy.tif").write_bytes((folder / "deep.tif").read_bytes())
    with index(folder, fake) as gallery, Gallery.open(folder, encoder=fake) as reader:
        before = {hit.path: hit.score for hit in reader.search(folder / "plain.jpg", 20).hits}
        gallery.set_options(GalleryOptions().with_changes(levels=Levels(0, 65535)))
        report = gallery.update()
        assert report.reread == 2
        after = {hit.path: hit.score for hit in reader.search(folder / "plain.jpg", 20).hits}
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"deep.tif", "copy.tif"}
    assert after["deep.tif"] == after["copy.tif"]


def test_options_apply_to_queries(gallery: Gallery, folder: Path):
    """A query is read with the levels, the limit and the strictness of its gallery."""
    gallery.set_options(GalleryOptions().with_changes(levels=Levels(0, 65535)))
    gallery.update()
    (hit, *_) = gallery.search(folder / "deep.tif", include_self=True).hits
    assert (hit.path, hit.score) == ("deep.tif", 1.0)
    gallery.set_options(GalleryOptions().with_changes(strict=True, pixel_cap=10))
    with pytest.raises(ImageError) as caught:
        gallery.search(folder / "plain.jpg")
    assert caught.value.kind == SkipKind.TOO_LARGE


def test_options_are_kept_for_later_runs(gallery: Gallery, folder: Path, fake: FakeEncoder):
    """What is skipped by an option stays skipped until the option is changed, and comes back then."""
    gallery.set_options(GalleryOptions().with_changes(strict=True))
    report = gallery.update()
    assert (report.removed, report.skipped) == (1, 1)
    gallery.close()
    (folder / "plain.jpg").touch()
    with Gallery.open(folder, encoder=fake, writing=True) as again:
        assert again.options.reading.strict
        assert again.update().skipped == 1
        assert [skip.path for skip in again.status().skipped] == ["cut.jpg"]
        again.set_options(GalleryOptions())
        report = again.update()
        assert (report.added, report.skipped, report.noted) == (1, 0, 1)
        (note,) = again.status().notes
        assert (note.path, note.kind) == ("cut.jpg", NoteKind.PARTIAL)


def test_a_lower_limit_removes_larger_images(gallery: Gallery, folder: Path):
    """Images above a new limit are skipped; the others aren't read again."""
    drawn(folder / "large.png", 3, (500, 500))
    gallery.update()
    gallery.set_options(GalleryOptions().with_changes(pixel_cap=100_000))
    report = gallery.update()
    assert (report.reread, report.removed, report.skipped, report.encoded) == (1, 1, 1, 0)
    gallery.set_options(GalleryOptions())
    assert gallery.update().added == 1


def test_reencoding_keeps_the_options(gallery: Gallery, folder: Path):
    """Another encoder reads with the options of the gallery, and notes what it could not read whole."""
    gallery.set_options(GalleryOptions().with_changes(levels=Levels(0, 65535)))
    gallery.update()
    other = FakeEncoder(name="other")
    report = gallery.reencode(other)
    assert (report.reread, report.encoded) == (0, len(FILES))
    assert [note.path for note in gallery.status().notes] == ["cut.jpg"]
    assert gallery.search(folder / "deep.tif", include_self=True).hits[0].score == 1.0


def test_damaged_options_are_reported_and_can_be_reset(gallery: Gallery):
    """Options that can't be read are an error that says how to reset them."""
    store = LocalStore.open(gallery.path)
    store.close()
    with closing(sqlite3.connect(gallery.path / "gallery.sqlite3")) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('gallery.options', '{')")
    with pytest.raises(GalleryDamagedError, match="--reset-options"):
        gallery.update()
    gallery.set_options(GalleryOptions())
    assert gallery.update().unchanged == len(FILES)


@pytest.mark.parametrize(
    "options", [ReadOptions(), ReadOptions(5, Levels(-0.1, 1 / 3), strict=True), ReadOptions(levels=Levels(1e-30, 0))]
)
def test_rules_are_read_back(options: ReadOptions):
    """The text of rules, as it is kept in a gallery, gives the same rules."""
    rules = Rules.current(options)
    assert Rules.parse(str(rules)) == rules
    assert rules.version == DECODING_VERSION
    assert not FIRST.decodes_like(rules)


def downgrade(folder: Path) -> None:
    """Turn a gallery into one of format 2, which has no rules."""
    (folder / "vectors-1.rows").unlink()
    with closing(sqlite3.connect(folder / "gallery.sqlite3")) as connection, connection:
        connection.executescript(
            """
            DROP INDEX embeddings_by_rules;
            DROP INDEX embeddings_with_share;
            DROP INDEX entries_with_other_format;
            ALTER TABLE embeddings DROP COLUMN rules;
            ALTER TABLE embeddings DROP COLUMN share;
            ALTER TABLE skips DROP COLUMN rules;
            DROP VIEW images;
            DROP INDEX entries_offline;
            ALTER TABLE entries DROP COLUMN offline_since;
            ALTER TABLE entries DROP COLUMN other_format;
            ALTER TABLE entries DROP COLUMN checksum;
            ALTER TABLE calibration DROP COLUMN checksum;
            DELETE FROM meta WHERE key = 'id';
            DROP TABLE former_ids;
            ALTER TABLE stamps DROP COLUMN copies_from;
            DROP TABLE annotations;
            DROP TABLE properties;
            PRAGMA user_version = 2;
            """
        )


def test_a_gallery_of_format_2_is_read_and_migrated(tmp_path: Path):
    """Before the migration it can be searched, and all its embeddings count as made under the first rules."""
    make_store(tmp_path, "a.jpg", "b.jpg").close()
    downgrade(tmp_path / ".lookalike")
    with closing(LocalStore.open(tmp_path / ".lookalike")) as store:
        assert check_store(store) == ["a.jpg", "b.jpg"]
        assert [(entry.path, rules) for entry, rules in store.outdated(str(NOW))] == [("a.jpg", "1"), ("b.jpg", "1")]
        assert store.notes() == store.skips() == []
        with closing(LocalStore.open(tmp_path / ".lookalike", writing=True)) as writer:
            assert check_store(writer) == ["a.jpg", "b.jpg"]
            assert [rules for _, rules in writer.outdated(str(NOW))] == ["1", "1"]
            writer.commit(Changes(confirmed=[digest_of("a.jpg")]))
            assert [entry.path for entry, _ in writer.outdated(str(NOW))] == ["b.jpg"]
            assert writer.has_content(digest_of("a.jpg"), str(NOW))
            assert not writer.has_content(digest_of("b.jpg"), str(NOW))
        assert [entry.path for entry, _ in store.outdated(str(NOW))] == ["b.jpg"]
