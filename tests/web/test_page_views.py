"""What else the page shows in a real browser: sections, uploads of other formats, and how good the search is."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, expect

from drawing import draw, drawn
from fakes import FakeEncoder
from galleries import index
from lookalike import Gallery
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.experiments.evaluate import evaluate
from lookalike.report.evaluation.json import evaluation_json
from servers import Running, running
from web.browser import Tab
from web.conftest import make_folder

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def test_images_are_in_sections(window: BrowserContext, tmp_path: Path, fake: FakeEncoder):
    """By folder, or by the month in which they were taken; a month can be shown alone."""
    root = make_folder(tmp_path / "photos", 6)
    for number, day in enumerate(("2023:05:17", "2023:05:31", "2024:02:29")):
        photo = draw(20 + number, (60, 45))
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = f"{day} 23:59:59"
        photo.save(root / "odd" / f"photo {number}.jpg", exif=exif)
    index(root, fake).close()
    with running(root, encoder=fake) as web:
        tab = Tab.open(window, web.address)
        headings = tab.page.locator(".grid .section")
        expect(headings).to_have_text(["even", "odd"])
        tab.page.get_by_label("Order").select_option("date")
        expect(headings.nth(1)).to_have_text("February 2024")
        expect(headings.nth(2)).to_have_text("May 2023")
        tab.page.get_by_role("button", name="Filters").click()
        tab.page.get_by_role("button", name="May 2023").click()
        expect(tab.page.locator("h1")).to_have_text("2 images")
        expect(headings).to_have_text(["May 2023"])
        assert "from=2023-05-01" in tab.page.url
        assert "to=2023-05-31" in tab.page.url
        tab.page.get_by_role("button", name="May 2023").click()
        expect(tab.page.locator("h1")).to_have_text("10 images")
        assert tab.problems == []


@pytest.mark.parametrize("form", ["heic", "tif"])
def test_an_upload_that_browsers_cannot_show_is_shown(form: str, tab: Tab, query: Path):
    """As a copy that the server makes of it, in the query and large."""
    file = Path(__file__).parents[1] / "data" / "turned.heic"
    if form == "tif":
        file = query.with_suffix(".tif")
        with Image.open(query) as image:
            image.save(file)
    tab.shown()
    tab.drop(file)
    tab.hits(1)
    tab.page.wait_for_function("() => document.querySelector('.term img').naturalWidth > 0")
    tab.page.get_by_role("button", name="View: Image of the query").click()
    tab.page.wait_for_function("() => document.querySelector('.stage img').naturalWidth > 0")


def test_an_image_is_added_to_the_query(tab: Tab, web: Running, query: Path, folder: Path):
    """Dropped on one half of the window; dropped on the other half, it is searched for by itself."""
    tab.shown()
    other = drawn(folder.parent / "other.png", 7)
    tab.drop(query)
    tab.hits(12)
    tab.drop(other, at=(0.75, 0.5))
    expect(tab.page.locator(".term")).to_have_count(2)
    expect(tab.page.locator("#drop")).to_be_hidden()
    both = [hit["path"].rpartition("/")[2] for hit in web.search(query, other, k=60)]
    assert tab.hits(12) == both
    with tab.page.expect_file_chooser() as chooser:
        tab.page.get_by_role("button", name="Add an image to the query").click()
    chooser.value.set_files(drawn(folder.parent / "third.png", 9))
    expect(tab.page.locator(".term")).to_have_count(3)
    tab.page.get_by_role("button", name="View: Image of the query").first.click()
    tab.drag()
    expect(tab.page.get_by_text("A new search")).to_be_visible()
    tab.drag(is_over=False)
    tab.drop(other, at=(0.25, 0.5))
    expect(tab.page.locator(".term")).to_have_count(1)
    expect(tab.page.locator("dialog.viewer")).to_be_hidden()


def test_how_good_the_search_is(window: BrowserContext, folder: Path, fake: FakeEncoder):
    """The gallery shows the last evaluation, with its failures; without one, how to make it."""
    with running(folder, encoder=fake) as web:
        tab = Tab.open(window, web.address, "?view=gallery")
        expect(tab.page.locator(".page")).to_contain_text("lookalike evaluate")
        result = evaluate(load_dataset(folder), fake)
        with Gallery.open(folder, encoder=fake) as gallery:
            gallery.keep_evaluation(evaluation_json(result))
        tab.page.reload()
        page = tab.page.locator(".page")
        expect(page).to_contain_text("each of 12 images was the query once")
        expect(page.locator(".cards").nth(1)).to_contain_text(f"{100 * result.metrics.micro['map']:.1f}%")
        expect(page.locator(".figures tbody tr")).to_have_count(2)
        failures = list(result.failures())
        pairs = page.locator(".pairs button")
        expect(pairs).to_have_count(min(12, len(failures)))
        pairs.first.click()
        expect(tab.page.locator(".term")).to_have_count(1)
        assert tab.hits(1)
        assert tab.problems == []
