"""Spellings of names: composed and decomposed letters, capitals, and rows whose files are missing."""

import unicodedata
from pathlib import Path

import pytest

from drawing import drawn
from lookalike.errors import DatasetError
from lookalike.evaluation.data.layouts.spelling import existing_spelling
from lookalike.evaluation.data.load import load_dataset

NFC, NFD = (unicodedata.normalize(form, "K\u00e4tzchen") for form in ("NFC", "NFD"))


def test_two_spellings_of_one_label_are_one_class(tmp_path: Path):
    """Folders whose names differ only in composed letters are one class, and a note says so."""
    for number, label in enumerate((NFC, NFD, "Hund", "Hund")):
        drawn(tmp_path / label / f"{number}.png", number)
    dataset = load_dataset(tmp_path)
    assert dataset.labels == ("Hund", NFC)
    assert [row.label for row in dataset.rows].count(NFC) == 2
    assert any("2 Unicode forms" in note for note in dataset.notes)


def test_labels_that_differ_in_case_stay_apart(tmp_path: Path):
    """They are different classes, with a warning."""
    names = [drawn(tmp_path / f"{number}.png", number).name for number in range(3)]
    rows = "".join(f"{name},{label}\n" for name, label in zip(names, ("Cat", "cat", "dog"), strict=True))
    (tmp_path / "labels.csv").write_text("path,label\n" + rows)
    dataset = load_dataset(tmp_path)
    assert dataset.labels == ("Cat", "cat", "dog")
    assert any("Cat, cat differ in case only" in note for note in dataset.notes)


@pytest.mark.parametrize(("listed", "stored"), [(NFC, NFD), (NFD, NFC), (NFC, NFC), (NFD, NFD)])
def test_a_csv_finds_files_in_either_spelling(listed: str, stored: str, tmp_path: Path):
    """Paths of a CSV find files and folders that are spelled in the other form."""
    drawn(tmp_path / stored / f"{stored}.png", 1)
    drawn(tmp_path / "b.png", 2)
    (tmp_path / "labels.csv").write_text(f"path,label\n{listed}/{listed}.png,{listed}\nb.png,x\n", encoding="utf-8")
    dataset = load_dataset(tmp_path)
    assert dataset.rows[0].path == f"{stored}/{stored}.png"
    assert dataset.rows[0].label == NFC
    assert dataset.file(dataset.rows[0]).is_file()
    assert existing_spelling(tmp_path, f"{listed}/x.png") is None


def test_missing_rows_can_be_left_out(tmp_path: Path):
    """A row whose file is missing is an error that says how to leave it out; then a note counts such rows."""
    for number in range(4):
        drawn(tmp_path / f"{number}.png", number)
    rows = "gone.png,a\n0.png,a\n1.png,a\n2.png,b\nlost.png,b\n3.png,b\n"
    (tmp_path / "labels.csv").write_text(f"path,label\n{rows}")
    with pytest.raises(DatasetError, match=r"line 2: no such file: gone.png \(also line 6\).*--on-missing skip"):
        load_dataset(tmp_path)
    dataset = load_dataset(tmp_path, skip_missing=True)
    assert [row.path for row in dataset.rows] == ["0.png", "1.png", "2.png", "3.png"]
    assert "2 rows left out because the file is missing, the first is gone.png" in dataset.notes
    (tmp_path / "labels.csv").write_text("path,label\ngone.png,a\nlost.png,b\n")
    with pytest.raises(DatasetError, match="no such file"):
        load_dataset(tmp_path, skip_missing=True)
