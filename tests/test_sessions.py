"""Sessions of users, from a folder of photos to what they take away."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from drawing import draw, drawn
from galleries import Result

Cli = Callable[..., Result]

pytestmark = pytest.mark.slow


@pytest.fixture
def family(tmp_path: Path, photographs: Path) -> Path:
    """A family's folder: photos from phones and cameras, copies of them, and what else gathers there."""
    root = tmp_path / "Fotos"
    holiday, phone, backup = root / "2023 Ürlaub", root / "WhatsApp Images", root / "Backup" / "old disk"
    for folder in (holiday, phone, backup):
        folder.mkdir(parents=True)
    for number, file in enumerate(sorted(photographs.glob("*.png"))[:12]):
        with Image.open(file) as image:
            photo = image.convert("RGB")
        exif = Image.Exif()
        exif[0x0110], exif[0x0112] = "Pixel 7", 6 if number % 3 == 0 else 1
        exif.get_ifd(0x8769)[0x9003] = f"2023:{number % 12 + 1:02}:15 12:00:00"
        name = f"IMG_{number:04} (1).jpg"
        photo.save(holiday / name, quality=92, exif=exif)
        if number % 2:
            shutil.copy(holiday / name, backup / name)
            photo.resize((photo.width // 2, photo.height // 2)).save(phone / f"{number}.webp", quality=70)
    (holiday / "movie.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    (holiday / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and nothing more")
    (root / "Thumbs.db").write_bytes(b"db")
    with zipfile.ZipFile(root / "album.zip", "w") as archive:
        archive.writestr("a.jpg", b"")
    return root


def test_a_family_looks_through_its_photos(family: Path, cli: Cli, tmp_path: Path):
    """Index, find a photo, find those of a month, see what is there twice, ask whether one is here, take some along."""
    first = cli("index", "Fotos", cwd=tmp_path)
    assert first.code == 0, first.err
    assert "24 images: 24 added; 1 skipped" in first.out
    assert "passed over: " in first.out
    assert "to search it: lookalike search" in first.err
    assert cli("index", "Fotos", cwd=tmp_path).out.startswith("Up to date: 24 images")

    photo = "Fotos/2023 Ürlaub/IMG_0005 (1).jpg"
    found = cli("search", photo, "--json", "--gallery", "Fotos", cwd=tmp_path)
    best = json.loads(found.out)["results"][0]["hits"][0]
    assert (best["match"], best["path"]) == ("identical", "Backup/old disk/IMG_0005 (1).jpg")
    assert "WhatsApp Images/5.webp" in [copy["path"] for copy in best["copies"]]

    in_may = cli("search", photo, "--where", "date=2023-05", "--paths", "--gallery", "Fotos", cwd=tmp_path)
    assert in_may.out.splitlines() == ["Fotos/2023 Ürlaub/IMG_0004 (1).jpg"]

    groups = json.loads(cli("duplicates", "--json", "--gallery", "Fotos", cwd=tmp_path).out)["groups"]
    assert len(groups) >= 6
    assert all((tmp_path / "Fotos" / image["path"]).is_file() for group in groups for image in group["images"])

    shutil.copy(family / "2023 Ürlaub" / "IMG_0007 (1).jpg", tmp_path / "from a friend.jpg")
    drawn(tmp_path / "new.jpg", 5, (300, 200))
    assert cli("search", "from a friend.jpg", "--exists", "--gallery", "Fotos", cwd=tmp_path).code == 0
    assert cli("search", "new.jpg", "--exists", "--gallery", "Fotos", cwd=tmp_path).code == 1

    taken = cli(
        *("search", photo, "-k", "3", "--copy-to", "for grandma", "--html", "page.html", "--gallery", "Fotos"),
        cwd=tmp_path,
    )
    assert taken.code == 0, taken.err
    assert len(list((tmp_path / "for grandma").iterdir())) == 3
    assert "IMG_0005" in (tmp_path / "page.html").read_text(encoding="utf-8")
    status = cli("status", "--gallery", "Fotos", cwd=tmp_path)
    assert "broken.jpg" in status.out


def test_an_inspector_lists_joints(tmp_path: Path, call: Cli):
    """4,000 photos of a track with their labels.csv, and a list of similar joints of one section for Excel."""
    root, rows = tmp_path / "track", ["path;label;km;inspected"]
    kinds = [draw(number, (48, 36)) for number in range(40)]
    for number in range(4000):
        folder = root / f"section {number // 500}"
        folder.mkdir(parents=True, exist_ok=True)
        kind = number % len(kinds)
        kinds[kind].point(lambda level, by=number % 5: level + by).save(folder / f"{number:05}.png", compress_level=1)
        label = ("joint", "sleeper", "clip", "rail")[kind % 4]
        kilometre = f"{number / 100:.2f}".replace(".", ",")
        rows.append(f"section {number // 500}/{number:05}.png;{label};{kilometre};{number % 28 + 1:02}.05.2023")
    (root / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8-sig")

    indexed = call("index", root)
    assert (indexed.code, "4,000 images: 4,000 added" in indexed.out) == (0, True), indexed.err
    assert "labels.csv: 4,000 images annotated: label, km, inspected" in indexed.out

    query = root / "section 0" / "00004.png"
    where = "label=joint and km>=10 and km<12 and inspected>=2023-05-10"
    arguments = ("search", query, "--gallery", root, "--where", where, "-k", "all", "--csv")
    table = list(csv.DictReader(io.StringIO(call(*arguments).out[1:])))
    expected = {
        f"section {number // 500}/{number:05}.png"
        for number in range(1000, 1200)
        if number % 40 % 4 == 0 and number % 28 + 1 >= 10
    }
    assert {row["path"] for row in table} == expected
    assert {row["label"] for row in table} == {"joint"}
    assert [float(row["score"]) for row in table] == sorted((float(row["score"]) for row in table), reverse=True)
    assert all(10 <= float(row["km"]) < 12 for row in table)
    assert {row["path"] for row in table if row["match"] in ("identical", "copy")} >= {
        path for path in expected if int(Path(path).stem) % 40 == 4
    }

    # The list comes back with a remark, as a spreadsheet saves it, and is a column then.
    lines = [f'"{row["path"]}";"{"replace soon" if number == 0 else ""}"' for number, row in enumerate(table)]
    (tmp_path / "list.csv").write_text("path;remark\n" + "\n".join(lines), encoding="utf-8-sig")
    assert call("annotate", tmp_path / "list.csv", "--gallery", root).code == 0
    marked = call("search", query, "--gallery", root, "--where", "remark~soon", "--paths")
    assert marked.out.splitlines() == [str(root / table[0]["path"])]
    measured = json.loads(call("export", tmp_path / "out", "--json", "--gallery", root).out)
    assert measured["images"] == 4000
