"""Reading datasets: every layout, and what is said of those that can't be used."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from drawing import draw, drawn
from fakes import FakeEncoder
from galleries import index
from lookalike.errors import DatasetError
from lookalike.evaluation.data.dataset import Row, sides
from lookalike.evaluation.data.load import load_dataset


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A folder for each class as Kaggle's PetImages has them, with all that is odd in there."""
    root = tmp_path / "PetImages"
    for number in range(6):
        drawn(root / ("Cat", "Dog")[number % 2] / f"{number}.jpg", number)
    for name in ("Cat", "Dog"):
        (root / name / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
        (root / name / "666.jpg").write_bytes(b"")
    drawn(root / "Cat" / "more" / "below" / "7.jpg", 7)
    drawn(root / ".hidden" / "8.jpg", 8)
    return root


def written(folder: Path, text: str | bytes, name: str = "labels.csv") -> Path:
    """A CSV in ``folder``, beside four drawn pictures: a.png to d.png."""
    for number, letter in enumerate("abcd"):
        drawn(folder / f"{letter}.png", number)
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def refused(source: Path, **options: object) -> str:
    """The words with which a dataset is refused."""
    with pytest.raises(DatasetError) as caught:
        load_dataset(source, **options)
    return str(caught.value)


def test_folders_name_the_classes(pets: Path):
    """Each folder is a class, pictures in folders below belong to it, and nothing but pictures is taken."""
    dataset = load_dataset(pets)
    assert (dataset.name, dataset.layout, dataset.root) == ("PetImages", "class folders", pets)
    assert dataset.counts() == {"Cat": 5, "Dog": 4}
    assert Row("Cat/more/below/7.jpg", "Cat") in dataset.rows
    assert [row.path for row in dataset.rows] == sorted(row.path for row in dataset.rows)
    assert [dataset.has_split, dataset.has_groups, dataset.has_visits, dataset.has_masks] == 4 * [False]
    assert dataset.notes == ()


def test_flat_names_tell_the_class(tmp_path: Path):
    """What stands before the first dot is the class, and the dataset says that it was understood so."""
    for number in range(4):
        drawn(tmp_path / f"{('cat', 'dog')[number % 2]}.{number}.jpg", number)
    dataset = load_dataset(tmp_path)
    assert (dataset.layout, dataset.counts()) == ("flat names", {"cat": 2, "dog": 2})
    assert "cat.0.jpg: the class (cat) stands before the first dot" in dataset.understood


@pytest.mark.parametrize("name", ["cat_1.jpg", "1.jpg", "cat.jpg", "cat.one.jpg"])
def test_other_flat_names_tell_nothing(name: str, tmp_path: Path):
    """A name of which the class would have to be guessed is refused, with the ways out."""
    for good in ("cat.0.jpg", "dog.0.jpg", name):
        drawn(tmp_path / good, 1)
    assert re.search(rf"{name}: nothing tells its class.*cat\.123\.jpg.*folder.*labels\.csv", refused(tmp_path))


def test_a_labels_file_decides(pets: Path):
    """Where a labels.csv lies beside the class folders, its rows count; pictures without one are counted."""
    (pets / "labels.csv").write_text("path,label\nCat/0.jpg,tabby\nDog/1.jpg,hound\n")
    dataset = load_dataset(pets)
    assert (dataset.layout, dataset.name) == ("CSV", "PetImages")
    assert dataset.rows == (Row("Cat/0.jpg", "tabby"), Row("Dog/1.jpg", "hound"))
    assert dataset.notes[0] == "7 pictures without a row in the CSV left out, Cat/2.jpg the first"


def test_a_csv_in_any_shape(tmp_path: Path):
    """Columns stand in any order, others are ignored, names may be quoted, and a byte order mark does no harm."""
    drawn(tmp_path / "x, y.png", 5)
    file = written(
        tmp_path,
        b"\xef\xbb\xbfremark,Split,group,label ,path,visit,mask\r\n"
        b",query, s1 ,joint,a.png,,m.png\r\n\r\n"
        b'"two\r\nlines",gallery,,joint,"x, y.png",7,\r\n'
        b",gallery,,clip,b.png",
        "rail.csv",
    )
    drawn(tmp_path / "m.png", 6)
    dataset = load_dataset(file)
    assert dataset.rows == (
        Row("a.png", "joint", "s1", None, "query", "m.png"),
        Row("x, y.png", "joint", None, "7", "gallery"),
        Row("b.png", "clip", None, None, "gallery"),
    )
    assert (dataset.name, dataset.layout, dataset.root) == ("rail", "CSV", tmp_path)
    assert dataset.has_split
    assert dataset.has_groups
    assert dataset.has_visits
    assert dataset.mask(dataset.rows[0]) == tmp_path / "m.png"
    assert dataset.mask(dataset.rows[1]) is None
    assert sides(dataset.rows) == ([0], [1, 2])


def test_paths_may_lead_anywhere(tmp_path: Path):
    """Paths start from the CSV's folder; they may leave it, be absolute, or be written as on Windows."""
    far = drawn(tmp_path / "far" / "1.png", 1)
    drawn(tmp_path / "near" / "sub" / "2.png", 2)
    file = written(tmp_path / "near", f"path,label\n../far/1.png,x\n{far.with_name('1.png')},y\n")
    assert "stands in line 2 already" in refused(file)
    drawn(tmp_path / "far" / "3.png", 3)
    file.write_text(f"path,label\n../far/1.png,x\n{far.with_name('3.png')},y\nsub\\2.png,y\n")
    dataset = load_dataset(file)
    assert [row.path for row in dataset.rows] == ["../far/1.png", str(far.with_name("3.png")), "sub/2.png"]
    assert all(dataset.file(row).is_file() for row in dataset.rows)


def test_labels_kept_elsewhere(pets: Path, tmp_path: Path):
    """A CSV that lies elsewhere labels a folder's pictures, its paths starting from that folder."""
    file = tmp_path / "kept" / "mine.csv"
    file.parent.mkdir()
    file.write_text("path,label\nCat/0.jpg,cat\nDog/1.jpg,dog\n")
    dataset = load_dataset(pets, csv=file)
    assert dataset.root == pets
    assert dataset.counts() == {"cat": 1, "dog": 1}
    assert "mine.csv" in dataset.understood
    assert str(pets) in dataset.understood


def test_a_gallery_with_labels(pets: Path, tmp_path: Path, fake: FakeEncoder):
    """A gallery inside its folder or elsewhere leads to the labels beside its photographs or beside itself."""
    (pets / "labels.csv").write_text("path,label\nCat/0.jpg,cat\nDog/1.jpg,dog\n")
    index(pets, fake).close()
    inside = load_dataset(pets)
    assert inside.gallery == pets / ".lookalike"
    assert load_dataset(pets / ".lookalike").rows == inside.rows
    elsewhere = tmp_path / "kept" / "gallery"
    index(pets, fake, elsewhere).close()
    (pets / "labels.csv").rename(tmp_path / "kept" / "labels.csv")
    outside = load_dataset(elsewhere)
    assert (outside.rows, outside.gallery, outside.root) == (inside.rows, elsewhere, pets)


def test_a_gallery_of_class_folders_needs_no_labels(pets: Path, fake: FakeEncoder):
    """A gallery's own files are no part of the dataset around it."""
    before = load_dataset(pets)
    index(pets, fake).close()
    after = load_dataset(pets)
    assert after.rows == before.rows
    assert (before.gallery, after.gallery) == (None, pets / ".lookalike")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "labels.csv: this file is empty; the first line is to be path,label"),
        ("\n \n", "this file is empty"),
        ("path,label\n", "there is no row below the header"),
        ("path;label\na.png;x\n", "line 1: no column called path or label .*by commas, not by ';'"),
        ("file,label\na.png,x\n", "line 1: no column called path; the first line names the columns: path,label"),
        ("path,class\na.png,x\n", "line 1: no column called label"),
        ("path,label,Label\na.png,x,y\n", "line 1: there are several columns called label"),
        ("path,label\na.png,x\nb.png,\n", "line 3: the label is empty; fill it in"),
        ("path,label\na.png,x\nb.png\n", "line 3: the label is empty"),
        ("path,label\na.png,x\n,y\n", "line 3: the path is empty"),
        ("path,label\na.png,x\nb, c.png,y\n", "line 3: 3 values where the first line names 2 columns; .*quotes"),
        ('path,label\na.png,x\n"b.png,y\nc.png,y\n', "line 4: this is no CSV that can be read"),
        ("path,label\na.png,x\nno.png,y\n", "line 3: it names a file that is not there: no.png; paths are relative"),
        (
            "path,label\na.png,x\n" + "".join(f"{n}.png,y\n" for n in range(9)),
            r"line 3: .*0\.png \(likewise line 4, 5, 6, 7, 8, and 3 more\)",
        ),
        ("path,label\na.png,x\n.,y\n", r"line 3: \. is a folder, not a picture"),
        ("path,label\na.png,x\nb.png,y\n./a.png,x\n", r"line 4: \./a\.png stands in line 2 already"),
        ("path,label,mask\na.png,x,\nb.png,y,no.png\n", "line 3: it names a mask that is not there: no.png"),
        (
            "path,label,split\na.png,x,query\nb.png,y,train\n",
            "line 3: the split is 'train'; it is to be query, gallery",
        ),
        ("path,label,split\na.png,x,query\nb.png,y,\n", "line 3: the split is empty, other rows have one"),
        ("path,label,split\na.png,x,query\nb.png,y,query\n", "every row's split is query, so there is nothing"),
        ("path,label,split\na.png,x,gallery\nb.png,y,gallery\n", "every row's split is gallery"),
        ("path,label\na.png,x\nb.png,x\n", r"there is one class only \(x\).*add pictures of another class"),
        ("path,label\na.png,x\nb.png,caf\u00e9\n".encode("latin-1"), "line 3: the byte 0xE9 is no UTF-8: save it as"),
        ("path,label\na.png,x\n".encode("utf-16"), "this file is UTF-16, not UTF-8: save it as UTF-8"),
    ],
)
def test_labels_that_cannot_be_used(text: str | bytes, words: str, tmp_path: Path):
    """Whatever is wrong with a CSV is said with the file, the line and the way out, and no dataset is made of it."""
    said = refused(written(tmp_path, text))
    assert said.startswith(str(tmp_path / "labels.csv"))
    assert re.search(words, said)
    assert "\n" not in said


def test_sources_that_cannot_be_used(pets: Path, tmp_path: Path):
    """A source that is nothing, a picture, or empty is refused with what is wanted instead."""
    assert "there is no such folder or file" in refused(tmp_path / "nothing")
    assert "this is a picture" in refused(pets / "Cat" / "0.jpg")
    (tmp_path / "empty").mkdir()
    assert "no pictures in this folder; wanted: a folder for each class" in refused(tmp_path / "empty")
    assert "this is a folder, not a CSV" in refused(pets, csv=tmp_path / "empty")
    assert "the labels can't be read" in refused(pets, csv=tmp_path / "nothing.csv")
    assert "no such folder or gallery for the labels" in refused(tmp_path / "nothing", csv=tmp_path / "x.csv")


def test_a_mixture_of_layouts_is_refused(pets: Path):
    """Pictures beside class folders make it unclear what names the class."""
    drawn(pets / "sheet.jpg", 9)
    assert re.search(r"1 picture \(sheet\.jpg\) beside folders of pictures \(Cat/0\.jpg\)", refused(pets))


def test_one_class_is_refused_unless_asked_for(pets: Path):
    """A single class gives no figures; where it is the folder above the classes, the right one is named."""
    said = refused(pets.parent)
    assert re.search(r"one class only \(PetImages\).*did you mean .*/PetImages, which has folders Cat, Dog\?", said)
    shutil.rmtree(pets / "Dog")
    assert "add pictures of another class" in refused(pets)
    assert load_dataset(pets, one_class=True).counts() == {"Cat": 5}


def test_a_folder_of_parts_is_refused(pets: Path, tmp_path: Path):
    """Folders called train and test are parts of a dataset, not its classes."""
    parts = tmp_path / "parts"
    shutil.copytree(pets, parts / "training_set")
    shutil.copytree(pets, parts / "test_set")
    assert "test_set, training_set look like parts of a dataset, not like classes" in refused(parts)


def test_flat_names_below_a_folder_are_pointed_to(tmp_path: Path):
    """Kaggle's Dogs vs. Cats unpacks into train and test1: either is to be named, not the folder above."""
    for number in range(4):
        drawn(tmp_path / "kaggle" / "train" / f"{('cat', 'dog')[number % 2]}.{number}.jpg", number)
    assert re.search(
        r"did you mean .*/train, where names like cat\.0\.jpg tell the class", refused(tmp_path / "kaggle")
    )
    drawn(tmp_path / "kaggle" / "test1" / "1.jpg", 1)
    assert "test1, train look like parts of a dataset" in refused(tmp_path / "kaggle")
    assert load_dataset(tmp_path / "kaggle" / "train").labels == ("cat", "dog")


def test_what_is_left_out_is_stated(tmp_path: Path):
    """Classes whose queries can find nothing, and folders without a picture, are told in the dataset's notes."""
    for number, name in enumerate(("cat", "cat", "dog", "dog", "bird")):
        drawn(tmp_path / "pets" / name / f"{number}.png", number)
    (tmp_path / "pets" / "fish").mkdir()
    assert load_dataset(tmp_path / "pets").notes == (
        "the folder fish holds no pictures, so it is no class",
        (
            "class bird has one picture: as a query it has nothing to find (R = 0), so it is left out of the figures "
            "and counted"
        ),
    )
    file = written(tmp_path, "path,label,split\na.png,x,query\nb.png,y,query\nc.png,x,gallery\nd.png,x,gallery\n")
    assert load_dataset(file).notes == (
        "class y has nothing to find in the gallery (R = 0): its 1 query left out of the figures and counted",
    )


def test_links_that_lead_nowhere_are_kept_as_skipped(pets: Path):
    """A link to a picture that is gone is no row, and is not lost either."""
    try:
        (pets / "Cat" / "gone.jpg").symlink_to(pets / "nowhere.jpg")
    except OSError:
        pytest.skip("no links can be made here")
    (skipped,) = load_dataset(pets).skipped
    assert skipped.path == "Cat/gone.jpg"


@pytest.mark.skipif(os.name == "nt", reason="names are UTF-16 there")
def test_names_in_any_bytes(tmp_path: Path):
    """A folder whose name is no UTF-8 is a class, and errors about it can be printed."""
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    draw(1).save(odd / "1.png")
    assert r"caf\xe9" in refused(tmp_path)


@pytest.mark.labelled
def test_the_labelled_photographs(labelled_photographs: Path):
    """The photographs that figures are held to are read as they are: 1,000 in two classes, 381 in thirteen."""
    catdog, rail = load_dataset(labelled_photographs / "catdog"), load_dataset(labelled_photographs / "rail")
    assert catdog.counts() == {"cat": 500, "dog": 500}
    assert (len(rail.rows), len(rail.labels), len({row.group for row in rail.rows})) == (381, 13, 118)
    assert (catdog.has_groups, rail.has_groups, catdog.notes, rail.notes) == (False, True, (), ())
