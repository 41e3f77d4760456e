"""What the API says of galleries and their images without a query."""

import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from drawing import draw, drawn, saved
from fakes import FakeEncoder
from galleries import Result, index
from lookalike import Gallery
from servers import Running, limits, running
from web.conftest import make_folder


def ids(web: Running) -> dict[str, str]:
    """The ids of all images by their paths."""
    images = web.client.get("/api/galleries/track-photos/images", params={"limit": 1000}).json()["images"]
    return {image["path"]: image["id"] for image in images}


def test_galleries_are_listed(web: Running, folder: Path):
    """With their folders, sizes and encoders."""
    answer = web.client.get("/api/galleries").json()
    (gallery,) = answer["galleries"]
    assert answer["local"] is True
    assert {name: gallery[name] for name in ("name", "root", "images", "encoder", "text", "columns")} == {
        "name": "track-photos",
        "root": str(folder),
        "images": 13,
        "encoder": "colours",
        "text": False,
        "columns": ["label", "km"],
    }


def test_the_status_is_that_of_the_command_line(web: Running, folder: Path, call: Callable[..., Result]):
    """As it is printed."""
    printed = json.loads(call("status", "--gallery", folder, "--json").out)
    assert web.client.get("/api/galleries/track-photos").json() == printed


def test_images_are_listed_in_order(web: Running, folder: Path):
    """By path, or the latest first, in parts, and limited as a search."""
    for number, file in enumerate(sorted(folder.glob("*/*.png"))):
        os.utime(file, (10**9 + (number * 7 % 13) * 10**5,) * 2)
    index(folder, FakeEncoder()).close()
    place = "/api/galleries/track-photos/images"
    by_path = web.client.get(place).json()
    everything = sorted(file.relative_to(folder).as_posix() for file in folder.glob("*/*.png"))
    assert (by_path["total"], [image["path"] for image in by_path["images"]]) == (13, everything)
    parts = [web.client.get(place, params={"after": after, "limit": 5}).json()["images"] for after in (0, 5, 10, 15)]
    assert [image for part in parts for image in part] == by_path["images"]
    latest = web.client.get(place, params={"order": "date"}).json()["images"]
    assert [image["modified"] for image in latest] == sorted((one["modified"] for one in latest), reverse=True)
    some = web.client.get(place, params={"under": "odd", "where": "label=switch"}).json()
    assert some["total"] == 4
    assert {image["values"]["label"] for image in some["images"]} == {"switch"}


def test_photographs_are_ordered_by_when_they_were_taken(tmp_path: Path, fake: FakeEncoder):
    """And those without such a date by their files'."""
    root = tmp_path / "photos"
    for number, taken in enumerate(("2001:01:01 12:00:00", "2030:05:05 12:00:00", None)):
        exif = Image.Exif()
        if taken:
            exif.get_ifd(0x8769)[0x9003] = taken
        drawn(root / f"{number}.jpg", number)
        draw(number).save(root / f"{number}.jpg", exif=exif)
    index(root, fake).close()
    with running(root, encoder=fake) as web:
        images = web.client.get("/api/galleries/photos/images", params={"order": "date"}).json()["images"]
        assert [image["path"] for image in images] == ["1.jpg", "2.jpg", "0.jpg"]
        facets = web.client.get("/api/galleries/photos/facets").json()
        assert facets["months"] == {"2001-01": 1, "2030-05": 1}


def test_facets_count_what_there_is(web: Running, folder: Path):
    """Folders, values of columns with their range, of all images and of some."""
    answer = web.client.get("/api/galleries/track-photos/facets").json()
    assert (answer["count"], answer["folders"]) == (13, {"even": 6, "odd": 7})
    label, km = answer["columns"]
    assert label == {
        "name": "label",
        "values": [["switch", 7], ["joint", 5]],
        "distinct": 2,
        "least": None,
        "greatest": None,
    }
    assert (km["distinct"], km["least"], km["greatest"]) == (12, 0, 5.5)
    some = web.client.get("/api/galleries/track-photos/facets", params={"where": "km>=5 and label=switch"}).json()
    assert (some["count"], some["folders"]) == (2, {"even": 1, "odd": 1})
    assert some["columns"][0]["values"] == [["switch", 2]]


def test_facets_of_images_of_cameras(tmp_path: Path, fake: FakeEncoder):
    """The camera is a column, unless images are annotated with one of that name."""
    root = tmp_path / "photos"
    for number in range(3):
        exif = Image.Exif()
        exif[0x0110] = "Trackcam" if number else "Phone"
        drawn(root / f"{number}.jpg", number)
        draw(number).save(root / f"{number}.jpg", exif=exif)
    with index(root, fake) as gallery:
        (facet,) = gallery.facets().columns
        assert (facet.name, facet.values, facet.distinct) == ("camera", (("Trackcam", 2), ("Phone", 1)), 2)
        gallery.annotate({"0.jpg": {"Camera": "old"}})
        (facet,) = gallery.facets().columns
        assert (facet.name, facet.values) == ("Camera", (("old", 1),))


def test_duplicates_are_those_of_the_command_line(web: Running, folder: Path, call: Callable[..., Result]):
    """As they are printed, for any threshold."""
    for arguments, parameters in (((), {}), (("--threshold", "0.9"), {"threshold": 0.9})):
        printed = json.loads(call("duplicates", "--gallery", folder, "--json", *arguments).out)
        answer = web.client.get("/api/galleries/track-photos/duplicates", params=parameters).json()
        assert answer == printed
        assert any(
            {"even/00.png", "odd/copy.png"} <= {one["path"] for one in group["images"]} for group in answer["groups"]
        )


def test_a_thumbnail_is_made_once(web: Running, folder: Path):
    """WebP without metadata, of the size asked for; then it is on disk, and the browser needn't get it again."""
    exif = Image.Exif()
    exif[0x010E] = "secret"
    large = draw(50, (1000, 400))
    large.save(folder / "large.jpg", exif=exif, icc_profile=b"", comment=b"secret")
    index(folder, FakeEncoder()).close()
    place = f"/api/galleries/track-photos/images/{ids(web)['large.jpg']}/thumbnail"
    for side, size in ((320, (320, 128)), (640, (640, 256)), (1600, (1000, 400))):
        answer = web.client.get(place, params={"side": side})
        assert answer.headers["content-type"] == "image/webp"
        with Image.open(io.BytesIO(answer.content)) as image:
            assert (image.format, image.size) == ("WEBP", size)
            assert not image.getexif()
        assert b"secret" not in answer.content
    assert len(list((folder / ".lookalike" / "thumbnails").glob("*/*.webp"))) == 3
    (folder / "large.jpg").unlink()
    again = web.client.get(place, params={"side": 1600})
    assert again.content == answer.content
    tagged = web.client.get(place, params={"side": 1600}, headers={"If-None-Match": answer.headers["etag"]})
    assert (tagged.status_code, tagged.content) == (304, b"")


def test_originals_are_sent_as_they_are(web: Running, folder: Path):
    """To be shown if browsers can, else to be saved; every format also as a JPEG."""
    names = ("schöne Weiche.png", 'a"b;c.jpg')
    for name in names:
        draw(60, (50, 40)).save(folder / name)
    (folder / "scan.tif").write_bytes(saved(draw(61, (50, 40)), "TIFF").getvalue())
    index(folder, FakeEncoder()).close()
    known = ids(web)
    for name, media_type in zip(names, ("image/png", "image/jpeg"), strict=True):
        answer = web.client.get(f"/api/galleries/track-photos/images/{known[name]}/original")
        assert answer.content == (folder / name).read_bytes()
        assert answer.headers["content-type"] == media_type
        assert answer.headers["content-disposition"].startswith("inline; filename*=UTF-8''")
    place = f"/api/galleries/track-photos/images/{known['scan.tif']}/original"
    answer = web.client.get(place)
    assert (answer.headers["content-type"], answer.content) == ("image/tiff", (folder / "scan.tif").read_bytes())
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''scan.tif"
    with Image.open(io.BytesIO(web.client.get(place, params={"as": "jpeg"}).content)) as image:
        assert (image.format, image.size) == ("JPEG", (50, 40))
    png = web.client.get(f"/api/galleries/track-photos/images/{known[names[0]]}/original", params={"as": "download"})
    assert png.headers["content-disposition"] == "attachment; filename*=UTF-8''sch%C3%B6ne%20Weiche.png"


def test_a_file_that_is_no_image_any_more_is_not_sent(web: Running, folder: Path, tmp_path: Path):
    """Whatever takes the place of an image: nothing else can be read."""
    known = ids(web)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "even" / "00.png").unlink()
    (folder / "even" / "00.png").symlink_to(tmp_path / "secret.txt")
    (folder / "even" / "02.png").write_text("<html><script>alert(1)</script>")
    (folder / "even" / "04.png").unlink()
    (folder / "even" / "06.png").unlink()
    (folder / "even" / "06.png").mkdir()
    for path, status in (("even/00.png", 415), ("even/02.png", 415), ("even/04.png", 404), ("even/06.png", 404)):
        for what in ("original", "original?as=download", "original?as=jpeg", "thumbnail"):
            answer = web.client.get(f"/api/galleries/track-photos/images/{known[path]}/{what}")
            assert answer.status_code == status, (path, what)
            assert answer.headers["content-type"] == "application/json"
            assert "secret" not in answer.text
            assert "script" not in answer.text


def test_details_of_an_image(web: Running, folder: Path):
    """Where it is, and what is known of it."""
    answer = web.client.get(f"/api/galleries/track-photos/images/{ids(web)['odd/03.png']}/details").json()
    file = folder / "odd" / "03.png"
    assert (answer["file"], answer["bytes"], answer["path"]) == (str(file), file.stat().st_size, "odd/03.png")
    assert answer["values"] == {"label": "joint", "km": "1.5", "width": "60", "height": "45"}
    assert len(answer["sha256"]) == 64


def test_unknown_things_are_not_found(web: Running):
    """Galleries, images, and everything else."""
    for place in (
        "/api/galleries/nothing",
        "/api/galleries/nothing/images",
        "/api/galleries/nothing/facets",
        "/api/galleries/nothing/duplicates",
        "/api/galleries/track-photos/images/ffff/thumbnail",
        "/api/galleries/track-photos/images/ffff/original",
        "/api/galleries/track-photos/images/ffff/details",
        "/api/nothing",
        "/nothing",
        "/assets/nothing.js",
    ):
        answer = web.client.get(place)
        assert (answer.status_code, answer.json()["error"]["kind"]) == (404, "not-found"), place


def picks_of(web: Running, *paths: str) -> dict:
    """A request for these images, the first with what a search said of it."""
    known = ids(web)
    picks: list[dict] = [{"gallery": "track-photos", "id": known[path]} for path in paths]
    picks[0] |= {"rank": 3, "match": "close", "score": 0.75}
    return {"picks": picks}


def test_picks_as_a_table(web: Running, folder: Path):
    """With all columns, as spreadsheets want it."""
    answer = web.client.post("/api/picks/csv", json=picks_of(web, "odd/03.png", "even/00.png"))
    assert answer.headers["content-disposition"] == 'attachment; filename="lookalike.csv"'
    assert answer.content.decode("utf-8-sig").splitlines() == [
        "rank,match,score,path,file,offline,label,km,width,height",
        f"3,close,0.75,odd/03.png,{folder / 'odd' / '03.png'},no,joint,1.5,60,45",
        f",,,even/00.png,{folder / 'even' / '00.png'},no,joint,0.0,60,45",
    ]


def test_picks_as_an_archive(web: Running, folder: Path):
    """The files as they are, those of the same name with numbers, and a list of those that are gone."""
    (folder / "odd" / "00.png").write_bytes((folder / "even" / "02.png").read_bytes())
    index(folder, FakeEncoder()).close()
    request = picks_of(web, "even/00.png", "odd/00.png", "odd/05.png")
    (folder / "odd" / "05.png").unlink()
    for options in ({"json": request}, {"data": {"picks": json.dumps(request)}}):
        answer = web.client.post("/api/picks/zip", **options)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            assert Counter(archive.namelist()) == Counter(["00.png", "00 (2).png", "missing.txt"])
            assert archive.read("00.png") == (folder / "even" / "00.png").read_bytes()
            assert archive.read("00 (2).png") == (folder / "even" / "02.png").read_bytes()
            assert archive.read("missing.txt").decode() == "odd/05.png: file not found\n"


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"json": {"picks": []}}, 422),
        ({"json": {"picks": [{"gallery": "track-photos", "id": "ffff"}]}}, 404),
        ({"json": {"picks": [{"gallery": "nothing", "id": "1"}]}}, 404),
        ({"json": {"picks": [{"gallery": "track-photos", "id": "../x"}]}}, 422),
        ({"data": {"picks": "nonsense"}}, 422),
        ({"content": b"x"}, 415),
    ],
    ids=str,
)
def test_wrong_picks_are_refused(options: dict, status: int, web: Running):
    """With a reason."""
    answer = web.client.post("/api/picks/csv", **options)
    assert (answer.status_code, bool(answer.json()["error"]["message"])) == (status, True)


def test_a_folder_is_opened_only_on_this_machine(folder: Path, fake: FakeEncoder):
    """A server for others never starts a program."""
    with running(folder, encoder=fake, is_local=False) as web:
        assert web.client.get("/api/galleries").json()["local"] is False
        answer = web.client.post(f"/api/galleries/track-photos/images/{ids(web)['odd/03.png']}/reveal")
        assert (answer.status_code, answer.json()["error"]["kind"]) == (400, "query")


def test_health_and_figures(web: Running, folder: Path):
    """Both tell that the server works; the figures count requests and time."""
    assert web.client.get("/api/health").json()["status"] == "ok"
    web.search(folder / "even" / "04.png")
    text = web.client.get("/metrics").text
    assert 'lookalike_requests_total{route="/api/search",status="200"} 1.0' in text
    assert 'lookalike_search_seconds_count{stage="encode"} 1.0' in text
    assert 'lookalike_images{gallery="track-photos"} 13.0' in text


def test_the_page_and_its_assets(web: Running):
    """They come from the package."""
    page = web.client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "Lookalike" in page.text


def test_thumbnails_in_a_folder_that_cannot_be_written(tmp_path: Path, fake: FakeEncoder, unprivileged: Callable):
    """They go to the cache of the user."""
    root = make_folder(tmp_path / "photos", 2)
    index(root, fake).close()
    with Gallery.open(root, encoder=fake) as gallery:
        gallery.count()
        (root / ".lookalike").chmod(0o555)
        try:
            with unprivileged():
                before = gallery.thumbnail(gallery.images()[0].id, 320)
        finally:
            (root / ".lookalike").chmod(0o755)
        assert before.startswith(b"RIFF")
        assert not (root / ".lookalike" / "thumbnails").exists()


def test_thumbnails_are_made_ahead(folder: Path, call: Callable[..., Result]):
    """By lookalike index --thumbnails, in two sizes; those of images that are gone are deleted."""
    assert call("index", folder, "--thumbnails").code == 0
    kept = folder / ".lookalike" / "thumbnails"
    assert len(list(kept.glob("*/*.webp"))) == 24  # the copy shares them
    (folder / "odd" / "03.png").unlink()
    (folder / "odd" / "05.png").write_bytes(b"")
    assert call("index", folder, "--thumbnails").code == 0
    assert len(list(kept.glob("*/*.webp"))) == 20


def test_a_torn_thumbnail_is_made_again(folder: Path, fake: FakeEncoder):
    """As after a power cut."""
    with Gallery.open(folder, encoder=fake) as gallery:
        image = gallery.images()[0]
        whole = gallery.thumbnail(image.id, 320)
        (file,) = (folder / ".lookalike" / "thumbnails").glob("*/*.webp")
        for content in (b"", whole[:50], whole[:-1]):
            file.write_bytes(content)
            assert gallery.thumbnail(image.id, 320) == whole
        drawn(image.file, 1234, (60, 45))  # changed, but not indexed: shown as it is, and not kept
        assert gallery.thumbnail(image.id, 640) != whole
        assert len(list((folder / ".lookalike" / "thumbnails").glob("*/*.webp"))) == 1
        with pytest.raises(ValueError, match="320, 640, 1600"):
            gallery.thumbnail(image.id, 100)  # type: ignore[arg-type]


def test_uploads_are_read_in_processes_of_their_own(folder: Path, fake: FakeEncoder):
    """And nothing is left of them."""
    with running(folder, encoder=fake, limits=limits(isolate=True)) as web:
        assert web.search(folder / "even" / "04.png")[0]["path"] == "even/04.png"
        assert web.post(b"\x89PNG\r\n\x1a\n" + b"\0" * 100).status_code == 422
        kept = web.service.galleries.uploads.folder
        assert list(kept.iterdir()) == []
    assert not kept.exists()
