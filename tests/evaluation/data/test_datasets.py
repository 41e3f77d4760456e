"""Reading datasets: every layout, and the errors for invalid ones."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from drawing import draw, drawn
from fakes import FakeEncoder
from galleries import index
from lookalike.errors import DatasetError
from lookalike.evaluation.data.dataset import Row, split_rows
from lookalike.evaluation.data.load import SplitFolders, load_dataset


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """One folder per class, as in Kaggle's PetImages, including its stray and empty files."""
    root = tmp_path / "PetImages"
    for number in range(6):
        drawn(root / ("Cat", "Dog")[number % 2] / f"{number}.jpg", number)
    for name in ("Cat", "Dog"):
        (root / name / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
        (root / name / "666.jpg").write_bytes(b"")
    drawn(root / "Cat" / "more" / "below" / "7.jpg", 7)
    drawn(root / ".hidden" / "8.jpg", 8)
    return root


def write_labels(folder: Path, text: str | bytes, name: str = "labels.csv") -> Path:
    """Write a CSV to ``folder``, beside four drawn images, a.png to d.png."""
    for number, letter in enumerate("abcd"):
        drawn(folder / f"{letter}.png", number)
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def error_of(source: Path, **options: object) -> str:
    """The message of the error that reading ``source`` raises."""
    with pytest.raises(DatasetError) as caught:
        load_dataset(source, **options)
    return str(caught.value)


def test_folders_name_the_classes(pets: Path):
    """Each folder is a class including its subfolders, and files other than images are ignored."""
    dataset = load_dataset(pets)
    assert (dataset.name, dataset.layout, dataset.root) == ("PetImages", "class folders", pets)
    assert dataset.counts() == {"Cat": 5, "Dog": 4}
    assert Row("Cat/more/below/7.jpg", "Cat") in dataset.rows
    assert [row.path for row in dataset.rows] == sorted(row.path for row in dataset.rows)
    assert [dataset.has_split, dataset.has_groups, dataset.has_visits, dataset.has_masks] == 4 * [False]
    assert dataset.notes == ("passed over: 2 other files (lookalike formats tells what is read)",)


def test_flat_names_give_the_class(tmp_path: Path):
    """The part before the first dot is the class, and the description says so."""
    for number in range(4):
        drawn(tmp_path / f"{('cat', 'dog')[number % 2]}.{number}.jpg", number)
    dataset = load_dataset(tmp_path)
    assert (dataset.layout, dataset.counts()) == ("flat names", {"cat": 2, "dog": 2})
    assert "names like cat.0.jpg" in dataset.description


@pytest.mark.parametrize("name", ["cat_1.jpg", "1.jpg", "cat.jpg", "cat.one.jpg"])
def test_ambiguous_flat_names_are_rejected(name: str, tmp_path: Path):
    """Any other form of name raises an error that lists the supported layouts."""
    for good in ("cat.0.jpg", "dog.0.jpg", name):
        drawn(tmp_path / good, 1)
    assert re.search(rf"{name}: class unknown.*cat\.123\.jpg.*folder.*labels\.csv", error_of(tmp_path))


def test_a_labels_file_takes_precedence(pets: Path):
    """With a labels.csv beside class folders, its rows count; a note counts the images without a row."""
    (pets / "labels.csv").write_text("path,label\nCat/0.jpg,tabby\nDog/1.jpg,hound\n")
    dataset = load_dataset(pets)
    assert (dataset.layout, dataset.name) == ("CSV", "PetImages")
    assert dataset.rows == (Row("Cat/0.jpg", "tabby"), Row("Dog/1.jpg", "hound"))
    assert dataset.notes[0] == "7 images without a row in the CSV left out, the first is Cat/2.jpg"


def test_csv_variants(tmp_path: Path):
    """Columns may be in any order, extra ones are ignored, names may be quoted, and a byte order mark is accepted."""
    drawn(tmp_path / "x, y.png", 5)
    file = write_labels(
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
    assert split_rows(dataset.rows) == ([0], [1, 2])


def test_paths_outside_the_folder(tmp_path: Path):
    """Paths are relative to the CSV's folder, maybe with backslashes; only if it is allowed, they may leave it."""
    far = drawn(tmp_path / "far" / "1.png", 1)
    drawn(tmp_path / "near" / "sub" / "2.png", 2)
    file = write_labels(tmp_path / "near", f"path,label\n../far/1.png,x\n{far.with_name('1.png')},y\n")
    assert "already listed in line 2" in error_of(file, allow_outside=True)
    for path in ("../far/1.png", far.with_name("1.png"), "sub/../../far/1.png", "..\\far\\1.png", "C:\\1.png"):
        outside = write_labels(tmp_path / "near", f"path,label\nsub/2.png,y\n{path},x\n")
        assert "line 3" in error_of(outside)
        assert "--allow-outside" in error_of(outside)
    drawn(tmp_path / "far" / "3.png", 3)
    file = tmp_path / "near" / "labels.csv"
    file.write_text(f"path,label\n../far/1.png,x\n{far.with_name('3.png')},y\nsub\\2.png,y\n")
    dataset = load_dataset(file, allow_outside=True)
    assert [row.path for row in dataset.rows] == ["../far/1.png", str(far.with_name("3.png")), "sub/2.png"]
    assert all(dataset.file(row).is_file() for row in dataset.rows)


def test_labels_in_another_folder(pets: Path, tmp_path: Path):
    """A CSV elsewhere can label a folder's images, with paths relative to that folder."""
    file = tmp_path / "kept" / "mine.csv"
    file.parent.mkdir()
    file.write_text("path,label\nCat/0.jpg,cat\nDog/1.jpg,dog\n")
    dataset = load_dataset(pets, csv=file)
    assert dataset.root == pets
    assert dataset.counts() == {"cat": 1, "dog": 1}
    assert "mine.csv" in dataset.description
    assert str(pets) in dataset.description


def test_a_gallery_with_labels(pets: Path, tmp_path: Path, fake: FakeEncoder):
    """A gallery inside its folder or elsewhere uses the labels beside its images or beside itself."""
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
    """The files of a gallery are not part of the dataset around it."""
    before = load_dataset(pets)
    index(pets, fake).close()
    after = load_dataset(pets)
    assert after.rows == before.rows
    assert (before.gallery, after.gallery) == (None, pets / ".lookalike")


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", "labels.csv: the file is empty.*path,label"),
        ("\n \n", "the file is empty"),
        ("path,label\n", "no rows below the header"),
        ("path;label\na.png;x\n", "line 1: no column called path or label .*by commas, not by ';'"),
        ("file,label\na.png,x\n", "line 1: no column called path\\b.*path,label"),
        ("path,class\na.png,x\n", "line 1: no column called label"),
        ("path,label,Label\na.png,x,y\n", "line 1: several columns are called label"),
        ("path,label\na.png,x\nb.png,\n", "line 3: the label is empty"),
        ("path,label\na.png,x\nb.png\n", "line 3: the label is empty"),
        ("path,label\na.png,x\n,y\n", "line 3: the path is empty"),
        ("path,label\na.png,x\nb, c.png,y\n", "line 3: 3 values.*2 columns.*quotes"),
        ('path,label\na.png,x\n"b.png,y\nc.png,y\n', "line 4: invalid CSV"),
        ("path,label\na.png,x\nno.png,y\n", "line 3: no such file: no.png"),
        (
            "path,label\na.png,x\n" + "".join(f"{n}.png,y\n" for n in range(9)),
            r"line 3: .*0\.png \(also line 4, 5, 6, 7, 8, and 3 more\)",
        ),
        ("path,label\na.png,x\n.,y\n", r"line 3: \. is a folder, not an image"),
        ("path,label\na.png,x\nb.png,y\n./a.png,x\n", r"line 4: \./a\.png is already listed in line 2"),
        ("path,label,mask\na.png,x,\nb.png,y,no.png\n", "line 3: no such mask: no.png"),
        (
            "path,label,split\na.png,x,query\nb.png,y,train\n",
            "line 3: the split is 'train'",
        ),
        ("path,label,split\na.png,x,query\nb.png,y,\n", "line 3: the split is empty"),
        ("path,label,split\na.png,x,query\nb.png,y,query\n", "the split of every row is query"),
        ("path,label,split\na.png,x,gallery\nb.png,y,gallery\n", "the split of every row is gallery"),
        ("path,label\na.png,x\nb.png,x\n", r"only one class \(x\).*Add images of another class"),
        ("path,label\na.png,x\nb.png,caf\u00e9\n".encode("latin-1"), "line 3: the byte 0xE9 is not UTF-8"),
        ("path,label\na.png,x\n".encode("utf-16"), "the file is UTF-16, not UTF-8"),
    ],
)
def test_invalid_labels_raise_errors(text: str | bytes, pattern: str, tmp_path: Path):
    """The error for an invalid CSV is one line that names the file and, where there is one, the line."""
    message = error_of(write_labels(tmp_path, text))
    assert message.startswith(str(tmp_path / "labels.csv"))
    assert re.search(pattern, message)
    assert "\n" not in message


def test_invalid_sources_raise_errors(pets: Path, tmp_path: Path):
    """A missing source, an image, and an empty folder raise errors that say what a dataset is."""
    assert "no such folder or file" in error_of(tmp_path / "nothing")
    assert "an image, not a dataset" in error_of(pets / "Cat" / "0.jpg")
    (tmp_path / "empty").mkdir()
    assert "no images in this folder" in error_of(tmp_path / "empty")
    assert "a folder, not a CSV" in error_of(pets, csv=tmp_path / "empty")
    assert "can't read this file" in error_of(pets, csv=tmp_path / "nothing.csv")
    assert "no such folder or gallery" in error_of(tmp_path / "nothing", csv=tmp_path / "x.csv")


def test_mixed_layouts_are_rejected(pets: Path):
    """Images beside class folders are ambiguous."""
    drawn(pets / "sheet.jpg", 9)
    assert re.search(r"sheet\.jpg.*folders of images \(Cat/0\.jpg\)", error_of(pets))


def test_a_single_class_is_rejected_by_default(pets: Path):
    """A single class raises an error, which names the folder below if that one has the classes."""
    message = error_of(pets.parent)
    assert re.search(r"only one class \(PetImages\).*Did you mean .*/PetImages,.* Cat, Dog\?", message)
    shutil.rmtree(pets / "Dog")
    assert "Add images of another class" in error_of(pets)
    assert load_dataset(pets, one_class=True).counts() == {"Cat": 5}


def test_split_folders_are_rejected(pets: Path, tmp_path: Path):
    """Folders called train and test are parts of a split, not classes."""
    parts = tmp_path / "parts"
    shutil.copytree(pets, parts / "training_set")
    shutil.copytree(pets, parts / "test_set")
    assert "test_set, training_set look like parts of a split" in error_of(parts)


def test_the_error_points_to_flat_names_in_a_subfolder(tmp_path: Path):
    """Kaggle's Dogs vs. Cats unpacks into train and test1; the error for the folder above names train."""
    for number in range(4):
        drawn(tmp_path / "kaggle" / "train" / f"{('cat', 'dog')[number % 2]}.{number}.jpg", number)
    assert re.search(r"Did you mean .*/train, with names like cat\.0\.jpg", error_of(tmp_path / "kaggle"))
    drawn(tmp_path / "kaggle" / "test1" / "1.jpg", 1)
    assert "test1, train look like parts of a split" in error_of(tmp_path / "kaggle")
    assert load_dataset(tmp_path / "kaggle" / "train").labels == ("cat", "dog")


def test_notes_state_what_is_excluded(tmp_path: Path):
    """Classes without relevant images and folders without images are in the dataset's notes."""
    for number, name in enumerate(("cat", "cat", "dog", "dog", "bird")):
        drawn(tmp_path / "pets" / name / f"{number}.png", number)
    (tmp_path / "pets" / "fish").mkdir()
    assert load_dataset(tmp_path / "pets").notes == (
        "the folder fish has no images and is not counted as a class",
        "class bird has one image, so as a query it has nothing to find (R = 0): excluded from the metrics",
    )
    file = write_labels(tmp_path, "path,label,split\na.png,x,query\nb.png,y,query\nc.png,x,gallery\nd.png,x,gallery\n")
    assert load_dataset(file).notes == (
        "class y has no image in the gallery (R = 0): 1 query excluded from the metrics",
    )


def test_broken_links_are_skipped(pets: Path):
    """A broken link to an image is listed as skipped."""
    try:
        (pets / "Cat" / "gone.jpg").symlink_to(pets / "nowhere.jpg")
    except OSError:
        pytest.skip("no links can be made here")
    (skipped,) = load_dataset(pets).skipped
    assert skipped.path == "Cat/gone.jpg"


@pytest.mark.skipif(os.name == "nt", reason="names are UTF-16 there")
def test_names_in_any_bytes(tmp_path: Path):
    """The name of a class folder need not be UTF-8, and errors about it can be printed."""
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    draw(1).save(odd / "1.png")
    assert r"caf\xe9" in error_of(tmp_path)


@pytest.mark.labelled
def test_the_labelled_images(labelled_photographs: Path):
    """The labelled images are 1,000 in two classes and 381 in thirteen."""
    catdog, rail = load_dataset(labelled_photographs / "catdog"), load_dataset(labelled_photographs / "rail")
    assert catdog.counts() == {"cat": 500, "dog": 500}
    assert (len(rail.rows), len(rail.labels), len({row.group for row in rail.rows})) == (381, 13, 118)
    assert (catdog.has_groups, rail.has_groups, catdog.notes, rail.notes) == (False, True, (), ())


def image_folder(folder: Path) -> Path:
    """An ImageFolder as Hugging Face's datasets have it: parts with class folders."""
    for part, count in (("train", 3), ("test", 2), ("validation", 1)):
        for number in range(count):
            for label in ("cat", "dog"):
                drawn(folder / part / label / f"{number}.png", number)
    return folder


def test_folders_of_a_split(tmp_path: Path):
    """Queries come from one folder and the gallery from another, each with class folders; others are left out."""
    folder = image_folder(tmp_path / "pets")
    dataset = load_dataset(folder, split=SplitFolders("test", "train"))
    queries, gallery = split_rows(dataset.rows)
    assert [dataset.rows[number].path for number in queries] == [
        f"test/{label}/{n}.png" for label in ("cat", "dog") for n in (0, 1)
    ]
    assert (len(gallery), dataset.labels, dataset.root) == (6, ("cat", "dog"), folder)
    assert dataset.description == f"{folder}: 4 images in test, 6 images in train"
    assert all(dataset.file(row).is_file() for row in dataset.rows)


def test_classes_of_a_split_that_are_in_one_part_only(tmp_path: Path):
    """They are queries with nothing to find, which a note says; one part may have a single class."""
    folder = image_folder(tmp_path / "pets")
    drawn(folder / "test" / "rat" / "0.png", 7)
    shutil.rmtree(folder / "train" / "dog")
    dataset = load_dataset(folder, split=SplitFolders("test", "train"))
    assert [note for note in dataset.notes if "class" in note] == [
        "class dog has no image in the gallery (R = 0): 2 queries excluded from the metrics",
        "class rat has no image in the gallery (R = 0): 1 query excluded from the metrics",
    ]
    shutil.rmtree(folder / "test" / "dog")
    shutil.rmtree(folder / "test" / "rat")
    assert "only one class (cat)" in error_of(folder, split=SplitFolders("test", "train"))


@pytest.mark.parametrize("name", ["labels.csv", "metadata.csv", "metadata.jsonl"])
@pytest.mark.parametrize("is_split", [False, True])
def test_metadata_of_an_image_folder(name: str, is_split: bool, tmp_path: Path):
    """One file has the labels of all parts, by file_name; labels may be numbers, and other fields are ignored."""
    rows = []
    for number in range(6):
        path = f"{('train', 'test', 'dev')[number % 3]}/{number}.png"
        drawn(tmp_path / path, number)
        rows.append({"file_name": path, "label": number % 2, "text": "a, b", "group": f"g{number}"})
    if name.endswith("jsonl"):
        text = "".join(json.dumps(row | {"box": [1, 2]}) + "\n" for row in rows)
    else:
        text = "text,file_name,label,group\n" + "".join(
            f'"a, b",{r["file_name"]},{r["label"]},{r["group"]}\n' for r in rows
        )
    (tmp_path / name).write_text(text)
    dataset = load_dataset(tmp_path, split=SplitFolders("test", "train") if is_split else None)
    assert dataset.labels == ("0", "1")
    if not is_split:
        assert dataset.rows[4] == Row("test/4.png", "0", "g4")
        return
    assert [(row.path, row.split) for row in dataset.rows] == [
        ("train/0.png", "gallery"),
        ("test/1.png", "query"),
        ("train/3.png", "gallery"),
        ("test/4.png", "query"),
    ]
    assert "2 rows left out, in dev" in dataset.notes


def test_metadata_in_each_part(tmp_path: Path):
    """Each folder has a file of its own; one without labels leaves them to the folders."""
    folder = image_folder(tmp_path / "pets")
    names = [f"{label}/{number}.png" for label in ("cat", "dog") for number in range(3)]
    lines = [json.dumps({"file_name": name, "label": f"big {name[:3]}"}) for name in names]
    (folder / "train" / "metadata.jsonl").write_text("\n".join(lines))
    (folder / "test" / "metadata.csv").write_text("file_name,text\ncat/0.png,a cat\n")
    dataset = load_dataset(folder, split=SplitFolders("test", "train"))
    assert dataset.counts() == {"big cat": 3, "big dog": 3, "cat": 2, "dog": 2}


def test_what_is_wrong_with_a_split_or_metadata(tmp_path: Path):
    """Errors say which folders there are, and name the line."""
    folder = image_folder(tmp_path / "pets")
    message = error_of(folder, split=SplitFolders("dev", "train"))
    assert message == f"{folder}: no folder called dev. It has test, train, validation"
    assert "can't be in one folder" in error_of(folder, split=SplitFolders("test", "test"))
    assert "--query-split validation --gallery-split test" in error_of(folder)
    (folder / "metadata.jsonl").write_text('{"file_name": "train/cat/0.png", "label": "a"}\n[1]\n')
    assert "metadata.jsonl, line 2: not a JSON object" in error_of(folder)
    (folder / "metadata.jsonl").write_text('{"file_name": "train/cat/0.png", "label": "a"}\n')
    assert "no row is in the folder test" in error_of(folder, split=SplitFolders("test", "train"))
