"""The page in a real browser: what a user does, and sees."""

import csv
import io
import json
import os
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, expect

import lookalike
from drawing import draw, drawn
from fakes import SPEC, FakeEncoder
from galleries import index
from lookalike import Gallery
from lookalike.encoders.spec import ClipSettings
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.experiments.evaluate import evaluate
from lookalike.report.evaluation.json import evaluation_json
from servers import Running, running
from web.browser import Tab
from web.conftest import make_folder

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]

ASSETS = Path(lookalike.__file__).parent / "web" / "assets"
SIZES = ((360, 760), (800, 1000), (1600, 1000))


def expected(web: Running, file: Path, **query: object) -> list[str]:
    """The names of the hits, as the API gives them."""
    return [hit["path"].rpartition("/")[2] for hit in web.search(file, k=60, **query)]


@pytest.mark.parametrize("way", ["drop", "paste", "choose"])
def test_an_image_is_searched_for(way: str, tab: Tab, web: Running, query: Path):
    """However it is given, the images most like it are painted, best first, with their matches and names."""
    tab.shown()
    if way == "choose":
        with tab.page.expect_file_chooser() as chooser:
            tab.page.locator(".invitation").click()
        chooser.value.set_files(query)
    else:
        getattr(tab, way)(query)
    names = expected(web, query)
    expect(tab.page.locator("h1")).to_have_text("12 images found")
    assert tab.hits(12) == names
    assert tab.page.locator(".tile .match").first.inner_text() == "copy"
    assert "q=upload" in tab.page.url


def test_what_is_no_image_is_told(tab: Tab, folder: Path):
    """With a reason, and a way to try again."""
    (folder.parent / "text.png").write_text("no image")
    tab.drop(folder.parent / "text.png")
    problem = tab.page.get_by_role("alert")
    expect(problem).to_contain_text("not an image")
    expect(problem.get_by_role("button", name="Try again")).to_be_visible()


def test_back_forward_and_reload(tab: Tab, web: Running, query: Path):
    """The address has the search; an upload stays in this browser."""
    tab.shown()
    expect(tab.page.locator("h1")).to_have_text("13 images")
    tab.drop(query)
    names = tab.hits(12)
    first = tab.page.url
    tab.page.locator(".tile a").nth(2).click()
    tab.page.get_by_role("button", name="More like this").click()
    tab.page.wait_for_function(
        "() => document.querySelectorAll('.term').length === 1 && location.search.includes('q=id')"
    )
    assert tab.hits(11) != names
    tab.page.go_back()  # the large view
    expect(tab.page.locator("dialog.viewer")).to_be_visible()
    tab.page.go_back()
    expect(tab.page.locator("dialog.viewer")).to_be_hidden()
    assert tab.page.url == first
    assert tab.hits(12) == names
    tab.page.reload()
    assert tab.hits(12) == names
    tab.page.go_back()
    expect(tab.page.locator("h1")).to_have_text("13 images")
    tab.page.go_forward()
    assert tab.hits(12) == names


def test_a_search_can_be_sent(tab: Tab, web: Running, browser: Browser, query: Path):
    """Another browser finds the same, but for an upload, which it says."""
    tab.shown()
    tab.page.locator(".tile a").nth(3).click()
    tab.page.get_by_role("button", name="More like this").click()
    tab.page.wait_for_url("**q=id**")
    names, address = tab.hits(11), tab.page.url
    tab.drop(query)
    tab.hits(12)
    upload = tab.page.url
    other = browser.new_context(locale="en")
    second = Tab.open(other, web.address, address.rpartition("/")[2])
    assert second.hits(11) == names
    second.page.goto(upload)
    expect(second.page.get_by_role("alert")).to_contain_text("dropped in another browser")
    other.close()


def test_the_large_view(tab: Tab, web: Running, query: Path, folder: Path):
    """The image beside the query, with what is known of it; keys go on, and the focus comes back."""
    tab.drop(query)
    names = tab.hits(12)
    tab.page.locator(".tile a").nth(1).click()
    viewer = tab.page.locator("dialog.viewer")
    expect(viewer.locator(".title")).to_have_text(names[1])
    expect(viewer.locator(".beside img")).to_have_count(1)
    tab.page.wait_for_function("() => document.querySelector('.stage img').naturalWidth > 0")
    expect(viewer.locator("dl")).to_contain_text("60 \N{MULTIPLICATION SIGN} 45")
    expect(viewer.locator("dl")).to_contain_text("label")
    tab.page.keyboard.press("ArrowRight")
    expect(viewer.locator(".title")).to_have_text(names[2])
    expect(viewer.locator(".place")).to_have_text("3 of 12")
    tab.page.keyboard.press("+")
    tab.page.wait_for_function("() => document.querySelector('.stage').classList.contains('enlarged')")
    tab.page.wait_for_function("() => document.querySelector('.stage img').src.includes('original')")
    tab.page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    assert tab.evaluate("document.activeElement.closest('.tile').querySelector('.name').textContent") == names[2]


def test_a_region_is_drawn(tab: Tab, web: Running, folder: Path):
    """By the mouse on a hit; only that part is searched for then."""
    tab.shown()
    tab.page.locator(".tile a").nth(3).click()
    tab.page.get_by_role("button", name="Search a part").click()
    tab.page.wait_for_function("() => document.querySelector('.stage img').naturalWidth > 0")
    area = tab.evaluate(
        """() => {
            const [stage, image] = [document.querySelector(".stage"), document.querySelector(".stage img")];
            const {x, y, width, height} = stage.getBoundingClientRect();
            const scale = Math.min(width / image.naturalWidth, height / image.naturalHeight);
            const [own, tall] = [image.naturalWidth * scale, image.naturalHeight * scale];
            return {x: x + (width - own) / 2, y: y + (height - tall) / 2, width: own, height: tall};
        }"""
    )
    left, top = area["x"] + 0.2 * area["width"], area["y"] + 0.1 * area["height"]
    tab.page.mouse.move(left, top)
    tab.page.mouse.down()
    tab.page.mouse.move(left + 0.5 * area["width"], top + 0.6 * area["height"], steps=4)
    tab.page.mouse.up()
    tab.page.get_by_role("button", name="Search this part").click()
    tab.page.wait_for_url("**r%3D**")
    found = re.search(r"r%3D([\d.]+)%2C([\d.]+)%2C([\d.]+)%2C([\d.]+)", tab.page.url)
    assert found is not None
    region = [float(share) for share in found.groups()]
    assert np.allclose(region, [0.2, 0.1, 0.7, 0.7], atol=0.02)
    (item,) = re.findall(r"track-photos%2F([0-9a-f]+)", tab.page.url)
    hits = web.search(terms=[{"id": item, "region": region}], k=60)
    assert tab.hits(11) == [hit["path"].rpartition("/")[2] for hit in hits]


def test_terms_are_combined(tab: Tab, web: Running, query: Path):
    """An image is subtracted, its weight changed, and taken out again."""
    tab.drop(query)
    tab.hits(12)
    tab.page.locator(".tile a").nth(5).click()
    tab.page.get_by_role("button", name="Less like this").click()
    expect(tab.page.locator(".term")).to_have_count(2)
    expect(tab.page.locator(".term.minus")).to_have_count(1)
    tab.page.wait_for_url("**w%3D-0.5**")
    (item,) = re.findall(r"track-photos%2F([0-9a-f]+)", tab.page.url)
    tab.page.locator(".term.minus select").select_option("-1")
    tab.page.wait_for_url("**w%3D-1**")
    names = expected(web, query, terms=[{"upload": 0}, {"id": item, "weight": -1}])
    tab.page.wait_for_function("(name) => document.querySelector('.tile .name')?.textContent === name", arg=names[0])
    assert tab.hits(11)[:5] == names[:5]
    tab.page.get_by_role("button", name="Remove").last.click()
    expect(tab.page.locator(".term")).to_have_count(1)


def test_hits_are_narrowed(tab: Tab, web: Running, query: Path):
    """By folder, by values of columns, which are counted, by match, and by a condition that may be wrong."""
    tab.drop(query)
    tab.hits(12)
    tab.page.get_by_role("button", name="Filters").click()
    filters = tab.page.locator("#filters")
    filters.get_by_role("button", name="odd", exact=True).click()
    assert set(tab.hits(6)) == set(expected(web, query, under="odd"))
    expect(filters.get_by_label("joint2")).to_be_visible()
    filters.get_by_label("switch").check()
    tab.page.wait_for_url("**%3Dlabel=switch**")
    assert set(tab.hits(4)) == set(expected(web, query, under="odd", where="label=switch"))
    expect(tab.page.locator("h1")).to_have_text("4 images found")
    filters.get_by_label("Condition").fill("km>=")
    filters.get_by_label("Condition").press("Enter")
    expect(tab.page.get_by_role("alert")).to_contain_text("a value is expected")
    tab.page.get_by_role("button", name="Clear filters").first.click()
    assert len(tab.hits(12)) == 12
    filters.get_by_label("Match at least").select_option("copy")
    expect(tab.page.locator("h1")).to_have_text(re.compile("1 image found"))


def test_images_are_picked_and_taken_away(tab: Tab, web: Running, folder: Path, window: BrowserContext):
    """As a table, an archive, a list and a contact sheet; a range with Shift."""
    window.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.shown()
    boxes = tab.page.locator(".grid .tick")
    boxes.nth(1).check(force=True)
    boxes.nth(4).click(force=True, modifiers=["Shift"])
    bar = tab.page.get_by_role("region", name="Picked images")
    expect(bar).to_contain_text("4 images picked")
    with tab.page.expect_download() as download:
        bar.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert [row["path"] for row in rows] == [f"even/{number:02}.png" for number in (2, 4, 6, 8)]
    assert rows[0]["label"] == "joint"
    with tab.page.expect_download() as download:
        bar.get_by_role("button", name="ZIP").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.read("04.png") == (folder / "even" / "04.png").read_bytes()
    bar.get_by_role("button", name="Copy list").click()
    expect(tab.page.locator("#said")).to_have_text("Copied")
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines() == [str(folder / "even" / f"{number:02}.png") for number in (2, 4, 6, 8)]
    bar.get_by_role("button", name="Contact sheet").click()
    expect(tab.page.locator(".prints li")).to_have_count(4)
    tab.page.reload()
    expect(tab.page.locator(".prints li")).to_have_count(4)
    bar.get_by_role("button", name="Clear").click()
    expect(bar).to_be_hidden()


def test_the_keyboard_alone(tab: Tab):
    """From the skip link to an image, through the grid, into the large view, to a region, and back."""
    tab.shown()
    tab.page.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the images"
    tab.page.keyboard.press("Enter")
    for _ in range(6):
        tab.page.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.closest('.tile') !== null"):
            break
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        tab.page.keyboard.press(key)
    assert tab.evaluate("document.activeElement.closest('.tile').getAttribute('aria-posinset')") == "2"
    tab.page.keyboard.press("x")
    expect(tab.page.locator("#picks")).to_contain_text("1 image picked")
    tab.page.keyboard.press("Enter")
    viewer = tab.page.locator("dialog.viewer")
    expect(viewer).to_be_visible()
    tab.page.keyboard.press("r")
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowLeft"):
        tab.page.keyboard.press(key)
    tab.page.keyboard.press("Escape")
    expect(viewer).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    assert tab.evaluate("document.activeElement.closest('.tile').getAttribute('aria-posinset')") == "2"
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.press("r")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url("**q=id%3Br**")
    tab.hits(11)
    tab.page.keyboard.press("f")
    expect(tab.page.locator("#filters")).to_be_visible()


def test_every_image_is_reachable_in_a_large_gallery(window: BrowserContext, tmp_path: Path, fake: FakeEncoder):
    """As one scrolls, the rest comes; only what is in view is in the page."""
    root = tmp_path / "many"
    for number in range(700):
        drawn(root / f"{number:04}.png", number, (12 + number % 7, 9))
    index(root, fake).close()
    with running(root, encoder=fake) as web:
        tab = Tab.open(window, web.address)
        tab.shown()
        most = 0
        for _ in range(60):
            tab.evaluate("window.scrollBy(0, 2500)")
            tab.page.wait_for_timeout(40)
            most = max(most, tab.page.locator(".tile").count())
        tab.page.wait_for_selector(".tile[aria-posinset='700'] img.there")
        assert most < 150
        assert tab.page.locator(".tile[aria-posinset='1']").count() == 0
        tab.page.keyboard.press("Home")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_view_fits_and_can_be_used_by_everybody(
    scheme: str,
    size: tuple[int, int],
    browser: Browser,
    web: Running,
    query: Path,
    folder: Path,
    fake: FakeEncoder,
    tmp_path: Path,
):
    """Nothing is wider than the window, and axe finds nothing serious: contrast, names, roles.

    The folder LOOKALIKE_VIEWS gets a picture of each (make views).
    """
    with Gallery.open(folder, encoder=fake) as gallery:
        gallery.keep_evaluation(evaluation_json(evaluate(load_dataset(folder), fake)))
    window = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, locale="en", bypass_csp=True
    )
    window.set_default_timeout(20_000)
    tab = Tab.open(window, web.address)
    shots = Path(os.environ.get("LOOKALIKE_VIEWS", tmp_path)) / f"{size[0]} {scheme}"
    tab.shown()
    check_view(tab, shots / "home.png")
    tab.drop(query)
    tab.hits(12)
    check_view(tab, shots / "hits.png")
    tab.drag()
    check_view(tab, shots / "dropping.png")
    tab.drag(is_over=False)
    tab.page.locator(".tile .tick").first.check(force=True)
    tab.page.get_by_role("button", name="Filters").click()
    tab.page.wait_for_selector("#filters fieldset")
    check_view(tab, shots / "filters.png")
    tab.page.locator("#filters").get_by_role("button", name="Close").click()
    tab.page.locator(".tile a").nth(1).click()
    tab.page.wait_for_selector(".viewer .side dl", state="attached")
    check_view(tab, shots / "view.png")
    tab.page.keyboard.press("r")
    check_view(tab, shots / "region.png")
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("Escape")
    for view, selector in (("gallery", ".cards"), ("duplicates", ".groups .tile"), ("sheet", ".prints img")):
        tab.page.goto(f"{web.address}/?view={view}")
        tab.page.wait_for_selector(selector)
        check_view(tab, shots / f"{view}.png")
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) > 382) is (scheme == "light")
    assert tab.problems == []
    window.close()


def check_view(tab: Tab, shot: Path) -> None:
    """Check what is shown now."""
    assert tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), shot.name
    tab.page.screenshot(path=shot)
    found = Axe().run(tab.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    serious = [
        f"{one['id']}: {node['target']} {node.get('failureSummary', '')}"
        for one in found.response["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]
    assert serious == [], shot.name


def test_it_speaks_german(browser: Browser, web: Running, query: Path):
    """If the browser does, or if it is chosen; numbers and plurals, too."""
    window = browser.new_context(locale="de-DE", viewport={"width": 1200, "height": 800})
    tab = Tab.open(window, web.address)
    expect(tab.page.locator("h1")).to_have_text("13 Bilder")
    assert tab.evaluate("document.documentElement.lang") == "de"
    tab.drop(query)
    tab.hits(12)
    expect(tab.page.locator("h1")).to_have_text("12 Bilder gefunden")
    tab.page.get_by_role("button", name="Einstellungen").click()
    tab.page.get_by_label("Sprache").select_option("en")
    expect(tab.page.locator("h1")).to_have_text("12 images found")
    tab.page.reload()
    expect(tab.page.locator("h1")).to_have_text("12 images found")
    window.close()


def test_all_texts_are_translated():
    """Both languages have the same texts with the same places; the page uses each of them, and no others."""
    english, german = (json.loads((ASSETS / "texts" / f"{code}.json").read_text("utf-8")) for code in ("en", "de"))
    assert english.keys() == german.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", german[key])), key
    code = "".join(file.read_text("utf-8") for file in ASSETS.glob("*.js"))
    used = set(re.findall(r"[\"`]([\w.$\{\}-]+)[\"`]", code))
    patterns = [
        re.compile(re.sub(r"\$\{\w+(\.\w+)*\}|\$\{[^}]*\}", "[\\\\w-]+", one))
        for one in used
        if "." in one or one.isalpha() or "-" in one
    ]
    keys = {re.sub(r"\.(one|other)$", "", key) for key in english}
    assert {key for key in keys if not any(pattern.fullmatch(key) for pattern in patterns)} == set()
    asked = set(re.findall(r"\bt\(\"([\w.-]+)\"", code))
    assert asked <= keys


def test_names_of_files_are_never_markup(window: BrowserContext, tmp_path: Path, fake: FakeEncoder):
    """Whatever they contain, they are shown as they are."""
    root = tmp_path / "photos"
    names = ["<img src=x onerror=alert(1)>.png", "\"'><script>alert(1)<.png", "${alert(1)}{count}.png", "ünï 写真.png"]
    for number, name in enumerate(names):
        drawn(root / "<b>folder" / name, number)
    (root / "labels.csv").write_text("path,<i>label\n<b>folder/ünï 写真.png,<u>value\n", "utf-8")
    index(root, fake).close()
    with running(root, encoder=fake) as web:
        tab = Tab.open(window, web.address, "?q=id:photos/1")
        assert set(tab.hits(3)) < set(names)
        tab.page.get_by_role("button", name="Filters").click()
        expect(tab.page.locator("#filters")).to_contain_text("<u>value")
        tab.page.locator(".tile a").first.click()
        expect(tab.page.locator(".viewer dl")).to_contain_text("<b>folder")
        assert tab.evaluate("document.querySelectorAll('b, i, u, script:not([type=module])').length") == 0
        assert tab.problems == []


def test_a_file_that_is_gone_says_so(window: BrowserContext, web: Running, folder: Path):
    """Instead of its image; the others are there."""
    (folder / "even" / "04.png").unlink()
    tab = Tab.open(window, web.address)
    tab.page.wait_for_selector(".tile .gone")
    expect(tab.page.locator(".tile .gone")).to_have_count(1)


class WordsEncoder(FakeEncoder):
    """An encoder whose texts are the names of images: each has the embedding of the image that it names."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = replace(SPEC, clip=ClipSettings(activation="gelu"))

    def embed_texts(self, texts: list[str]) -> NDArray[np.float32]:  # type: ignore[override]
        """The embeddings of the images with these numbers."""
        return self.embed([draw(int(text), (60, 45)) for text in texts])


def test_words_are_searched_for(window: BrowserContext, tmp_path: Path):
    """Where the encoder knows words: alone, and added to an image, also with a minus."""
    encoder = WordsEncoder()
    root = make_folder(tmp_path / "photos")
    index(root, encoder).close()
    with running(root, encoder=encoder) as web:
        tab = Tab.open(window, web.address)
        tab.shown()
        tab.page.keyboard.press("/")
        tab.page.keyboard.type("7")
        tab.page.keyboard.press("Enter")
        tab.page.wait_for_url("**q=text%3A7")
        assert tab.hits(12)[0] == "07.png"
        assert tab.page.locator(".tile .match").count() == 0  # words have no match
        tab.page.get_by_role("searchbox").fill("-3")
        tab.page.get_by_role("searchbox").press("Enter")
        expect(tab.page.locator(".term.minus")).to_have_count(1)
        hits = web.search(terms=[{"text": "7"}, {"text": "3", "weight": -0.5}], k=60)
        assert tab.hits(12)[:3] == [hit["path"].rpartition("/")[2] for hit in hits][:3]
        tab.page.get_by_role("searchbox").press("Backspace")
        expect(tab.page.locator(".term")).to_have_count(1)
        assert tab.problems == []


def test_several_galleries(window: BrowserContext, tmp_path: Path, fake: FakeEncoder):
    """One can be chosen; a search goes through all of them otherwise."""
    roots = [make_folder(tmp_path / name, 4) for name in ("one", "two")]
    drawn(roots[0] / "alone.png", 50)
    for root in roots:
        index(root, fake).close()
    with running(*roots, encoder=fake) as web:
        tab = Tab.open(window, web.address)
        tab.shown()
        tab.page.locator(".tile a").nth(1).click()
        tab.page.get_by_role("button", name="More like this").click()
        (item,) = re.findall(r"one%2F([0-9a-f]+)", tab.page.url)
        for chosen, count in (("", 5), ("two", 4)):
            tab.page.get_by_label("Gallery", exact=True).select_option(chosen)
            expect(tab.page.locator("h1")).to_have_text(f"{count} images found")
            query = {"terms": [{"id": item, "gallery": "one"}], "galleries": [chosen] if chosen else []}
            assert tab.hits(count) == [hit["path"].rpartition("/")[2] for hit in web.search(**query)]
        assert tab.problems == []


def test_the_page_is_small_and_still(tab: Tab, web: Running, query: Path):
    """It has less than 150 kB before images, nothing moves while they arrive, and no inline script is in it."""
    tab.shown()
    size = sum(
        len(web.client.get(name).content)
        for name in tab.evaluate(
            "performance.getEntriesByType('resource').map((one) => new URL(one.name).pathname)"
            ".filter((one) => one.startsWith('/assets/'))"
        )
    )
    assert 20_000 < size + len(web.client.get("/").content) < 150_000
    tab.evaluate(
        "window.shift = 0; new PerformanceObserver((list) => list.getEntries().forEach((one) => {"
        " if (!one.hadRecentInput) window.shift += one.value; })).observe({type: 'layout-shift', buffered: true})"
    )
    tab.drop(query)
    tab.hits(12)
    assert tab.evaluate("window.shift") < 0.02
    assert "<script>" not in web.client.get("/").text


def test_the_token_leaves_the_address(browser: Browser, folder: Path, fake: FakeEncoder):
    """After the link was opened once, the page works without it."""
    with running(folder, encoder=fake, token="a-token-of-tests") as web:
        window = browser.new_context(locale="en")
        tab = Tab.open(window, web.address, "?token=a-token-of-tests&view=gallery")
        tab.page.wait_for_selector(".cards")
        assert tab.page.url == f"{web.address}/?view=gallery"
        tab.page.reload()
        tab.page.wait_for_selector(".cards")
        window.close()


def test_the_gallery_tells_what_was_skipped(window: BrowserContext, tmp_path: Path, fake: FakeEncoder):
    """And what was passed over; with the reasons."""
    root = make_folder(tmp_path / "photos", 3)
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (root / "film.mp4").write_bytes(b"x")
    index(root, fake).close()
    with running(root, encoder=fake) as web:
        tab = Tab.open(window, web.address, "?view=gallery")
        page = tab.page.locator(".page")
        expect(page).to_contain_text("1 skipped file")
        expect(page).to_contain_text("broken.png")
        expect(page).to_contain_text("1 video")
        tab.page.get_by_role("button", name="Duplicates").click()
        expect(tab.page.locator(".groups .tile")).to_have_count(2)
        expect(tab.page.locator(".groups")).to_contain_text("identical")
        tab.page.get_by_role("button", name="Pick all but the largest").click()
        expect(tab.page.locator("#picks")).to_contain_text("1 image picked")


def test_open_in_folder(window: BrowserContext, folder: Path, fake: FakeEncoder):
    """The server opens it, on this machine."""
    opened: list[Path] = []

    def open_folder(file: Path) -> int:
        opened.append(file)
        return 0

    with running(folder, encoder=fake, open_folder=open_folder) as web:
        tab = Tab.open(window, web.address)
        tab.shown()
        tab.page.locator(".tile a").first.click()
        tab.page.get_by_role("button", name="Open folder").click()
        asked = "performance.getEntriesByType('resource').some((one) => one.name.endsWith('/reveal'))"
        tab.page.wait_for_function(f"() => {asked}")
        assert opened == [folder / "even" / "00.png"]
        assert tab.problems == []


def test_the_server_may_be_gone(tab: Tab, web: Running, query: Path, window: BrowserContext):
    """That is told, and it goes on when the server is back."""
    tab.shown()
    window.set_offline(True)
    tab.drop(query)
    expect(tab.page.get_by_role("alert")).to_contain_text("be reached")
    window.set_offline(False)
    tab.page.get_by_role("button", name="Try again").click()
    tab.hits(12)
