"""Annotations: the columns of a CSV file become those of images, and what EXIF says is known without one."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from drawing import draw, drawn
from fakes import FakeEncoder
from galleries import index
from lookalike import Gallery, Query
from lookalike.errors import GalleryError, QueryError, TableError


@pytest.fixture
def gallery(tmp_path: Path, fake: FakeEncoder) -> Iterator[Gallery]:
    """Four images, one of them a photo with EXIF."""
    for number in range(3):
        drawn(tmp_path / "photos" / "track" / f"{number}.png", number, (60 + number, 50))
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model], exif[Base.Orientation] = "NIKON CORPORATION", "NIKON Z 6\0", 6
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2023:05:31 14:05:59"
    draw(9, (80, 40)).save(tmp_path / "photos" / "Ä b.jpg", exif=exif)
    with index(tmp_path / "photos", fake) as opened:
        yield opened


def values_of(gallery: Gallery) -> dict[str, dict[str, str]]:
    """The annotations of every image by path, without its properties."""
    properties = {"date", "camera", "width", "height"} - set(gallery.columns())
    return {
        image.path: {name: value for name, value in image.values.items() if name not in properties}
        for image, _ in gallery.iter_embeddings()
    }


def found(gallery: Gallery, condition: str) -> list[str]:
    """The paths of all images for which a condition holds."""
    query = Query.image(gallery.root / "track" / "0.png").filtered(condition)
    return sorted(hit.path for hit in gallery.search(query, include_self=True).hits)


def test_what_a_file_says_of_itself_is_known(gallery: Gallery):
    """The upright size, and by EXIF the date and the camera; searches can be limited by them."""
    (photo,) = [image for image, _ in gallery.iter_embeddings() if image.path == "Ä b.jpg"]
    expected = {"date": "2023-05-31 14:05:59", "camera": "NIKON Z 6", "width": "40", "height": "80"}
    assert dict(photo.values) == dict(gallery.image(photo.id).values) == expected
    assert found(gallery, "date=2023-05 and camera~nikon and width<height") == ["Ä b.jpg"]
    assert found(gallery, "width>=61 or path~ä") == ["track/1.png", "track/2.png", "Ä b.jpg"]
    (hit,) = gallery.search(Query.image(photo.file).filtered("height=80"), include_self=True).hits
    assert dict(hit.values) == expected


PATHS = {
    "relative to the root": ("joints.csv", "track/0.png", "Ä b.jpg"),
    "relative to the file": ("photos/track/joints.csv", "0.png", "../Ä b.jpg"),
    "from Windows": ("joints.csv", "track\\0.png", ".\\Ä b.jpg"),
    "with spaces": ("joints.csv", " track/0.png ", "Ä b.jpg "),
    "decomposed letters": ("joints.csv", "./track//0.png", "A\N{COMBINING DIAERESIS} b.jpg"),
}


@pytest.mark.parametrize("kind", PATHS)
def test_rows_are_joined_by_path(kind: str, gallery: Gallery, tmp_path: Path):
    """Paths are relative to the root or to the file, as people and programs write them."""
    name, first, second = PATHS[kind]
    (tmp_path / name).write_text(f"path,label\n{first},joint\n{second},sleeper\n", encoding="utf-8-sig")
    annotated = gallery.annotate(tmp_path / name)
    assert (annotated.images, annotated.columns, annotated.unmatched) == (2, ("label",), ())
    assert found(gallery, "label=joint") == ["track/0.png"]
    assert found(gallery, "label=sleeper") == ["Ä b.jpg"]


def test_absolute_paths_and_other_separators(gallery: Gallery, tmp_path: Path):
    """Semicolons and decimal commas, as spreadsheets write them in many languages; the column of paths can be named."""
    file = tmp_path / "joints.csv"
    file.write_text(f'Bild;Track No;km\n"{gallery.root / "track" / "0.png"}";4;32,5\ntrack/1.png;;7\n')
    assert gallery.annotate(file, path_column="bild").images == 2
    assert gallery.columns() == ["Track No", "km"]
    assert found(gallery, "[track no]=4 and km>32") == ["track/0.png"]
    assert values_of(gallery)["track/1.png"] == {"km": "7"}
    file.write_text("file\tnote\ntrack/1.png\ta, b; c\n")
    gallery.annotate(file)
    assert values_of(gallery)["track/1.png"] == {"km": "7", "note": "a, b; c"}


def test_rows_without_an_image(gallery: Gallery, tmp_path: Path, fake: FakeEncoder):
    """They are reported, and kept for images that are added later; what is outside of the folder is not."""
    file = tmp_path / "joints.csv"
    file.write_text("path,km\ntrack/0.png,1\ntrack/9.png,9\n../elsewhere.png,3\n..,4\n.,5\n")
    assert gallery.annotate(file).unmatched == ("track/9.png", "../elsewhere.png", "..", ".")
    drawn(gallery.root / "track" / "9.png", 9)
    gallery.update()
    assert found(gallery, "km>=1") == ["track/0.png", "track/9.png"]
    with closing(sqlite3.connect(gallery.path / "gallery.sqlite3")) as connection:
        assert connection.execute("SELECT path FROM annotations ORDER BY path").fetchall() == [
            (b"track/0.png",),
            (b"track/9.png",),
        ]


def test_annotations_are_changed_and_deleted(gallery: Gallery):
    """Other columns and images keep their values; an empty value deletes one."""
    gallery.annotate({"track/0.png": {"km": "1", "label": "joint"}, "track/1.png": {"km": "2"}})
    gallery.annotate({str(gallery.root / "track" / "0.png"): {"km": "", "note": "=1+1"}})
    assert values_of(gallery)["track/0.png"] == {"label": "joint", "note": "=1+1"}
    assert gallery.annotate({"track/2.png": {"LABEL": "rail"}}).columns == ("label",)
    assert gallery.columns() == ["km", "label", "note"]
    gallery.delete_columns(["KM", "label"])
    assert gallery.columns() == ["note"]
    assert values_of(gallery)["track/1.png"] == {}
    with pytest.raises(QueryError, match=r"km: no such column\. This gallery has note"):
        gallery.delete_columns(["km"])


def test_annotations_follow_images(gallery: Gallery):
    """They stay when a file is changed, and move with it."""
    gallery.annotate({"track/0.png": {"km": "1"}, "track/1.png": {"km": "2"}})
    (gallery.root / "new").mkdir()
    (gallery.root / "track" / "0.png").rename(gallery.root / "new" / "x.png")
    drawn(gallery.root / "track" / "1.png", 77)
    assert (gallery.update().moved, values_of(gallery)["new/x.png"]) == (1, {"km": "1"})
    assert values_of(gallery)["track/1.png"] == {"km": "2"}


WRONG = {
    "": "the file is empty",
    "a,b\n1,2\n": "line 1: no column called path among: a, b. To name it: --path-column",
    "path\na.png\n": "line 1: there is only a column of paths",
    "path,km\n": "no rows below the header",
    "path,km,KM\ntrack/0.png,1,2\n": "line 1: several columns are called km",
    "path,km\ntrack/0.png,1,2\n": "line 2: 3 values, but the first line names 2 columns",
    "path,km\ntrack/0.png,1\n\n,2\n": "line 4: the path is empty",
    "path,km\ntrack/0.png,1\ntrack/0.png,2\n": "line 3: track/0.png is already in line 2",
    'path,km\n"track/0.png,1\n': "invalid CSV",
    "path,km\nx.png,1\ny.png,2\n": "none of its 2 rows names an image of this gallery. The first has x.png",
    "path," + ",".join(map(str, range(1001))) + "\nx,1\n": "1,001 columns are more than 1,000",
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_a_file_that_cannot_be_used_changes_nothing(text: str, gallery: Gallery, tmp_path: Path):
    """The error names the file, the line and what is wrong."""
    file = tmp_path / "joints.csv"
    file.write_text(text)
    with pytest.raises(TableError, match=r"joints\.csv") as caught:
        gallery.annotate(file)
    assert WRONG[text] in str(caught.value)
    assert gallery.columns() == []


def test_other_things_that_are_no_csv(gallery: Gallery, tmp_path: Path):
    """Folders, missing files, and bytes that are no text."""
    with pytest.raises(TableError, match="a folder, not a CSV"):
        gallery.annotate(tmp_path)
    with pytest.raises(TableError, match="can't read this file"):
        gallery.annotate(tmp_path / "nothing.csv")
    (tmp_path / "latin.csv").write_bytes("path,km\nü.png,1\n".encode("latin-1"))
    with pytest.raises(TableError, match="line 2: the byte 0xFC is not UTF-8"):
        gallery.annotate(tmp_path / "latin.csv")


@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
def test_paths_that_are_not_utf8_can_be_annotated(gallery: Gallery):
    """Through Python, by their exact names."""
    name = os.fsdecode(b"\xff.png")
    drawn(gallery.root / name, 5)
    gallery.update()
    gallery.annotate({name: {"km": "1"}})
    assert found(gallery, "km=1") == [name]


def test_labels_in_the_folder_are_read_by_an_update(gallery: Gallery, fake: FakeEncoder):
    """A labels.csv is read when it is new or changed, and not again; what is wrong with it stops nothing."""
    labels = gallery.root / "labels.csv"
    labels.write_text("path,label,group\ntrack/0.png,joint,g1\ntrack/7.png,later,g2\n")
    report = gallery.update()
    assert report.labels is not None
    assert (report.labels.images, report.labels.columns) == (1, ("label", "group"))
    drawn(gallery.root / "track" / "7.png", 7)
    gallery.annotate({"track/0.png": {"label": "mine"}})
    assert gallery.update().labels is None
    assert (found(gallery, "label=mine"), found(gallery, "label=later")) == (["track/0.png"], ["track/7.png"])
    labels.write_text("path\n")
    report = gallery.update()
    assert report.labels is None
    assert "only a column of paths" in str(report.labels_problem)
    assert found(gallery, "label=mine") == ["track/0.png"]
    assert gallery.update().labels_problem is None


def test_a_gallery_of_the_format_before(gallery: Gallery, fake: FakeEncoder):
    """It is searched without values; a writer adds them, and an update that verifies reads the properties."""
    root = gallery.root
    gallery.close()
    with closing(sqlite3.connect(root / ".lookalike" / "gallery.sqlite3")) as connection:
        connection.executescript("DROP TABLE annotations; DROP TABLE properties; PRAGMA user_version = 6;")
    with Gallery.open(root, encoder=fake) as old:
        assert (old.columns(), old.without_properties()) == ([], 4)
        assert len(found(old, 'size>1 and width=""')) == 4
        assert found(old, "date>1900 or camera~nikon") == []
        assert all(not image.values for image, _ in old.iter_embeddings())
        with pytest.raises(GalleryError, match="read-only"):
            old.annotate({"track/0.png": {"km": "1"}})
    encoded = fake.encoded
    with Gallery.open(root, encoder=fake, writing=True) as migrated:
        migrated.update()
        assert migrated.status().without_properties == 4
        migrated.update(verify=True)
        assert (migrated.without_properties(), fake.encoded) == (0, encoded)
        assert found(migrated, "camera~nikon") == ["Ä b.jpg"]
