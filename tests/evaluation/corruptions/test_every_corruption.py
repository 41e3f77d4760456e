"""Properties of every corruption."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drawing import draw
from lookalike.evaluation.corruptions import CORRUPTIONS, FAMILIES, Context, Corruption

pytestmark = pytest.mark.slow

DONOR = draw(99, (64, 48))
MASK = Image.new("1", (30, 20))
MASK.paste(1, (10, 5, 20, 15))

EVERY = pytest.mark.parametrize("corruption", CORRUPTIONS.values(), ids=CORRUPTIONS)


def corrupted(
    corruption: Corruption, image: Image.Image, severity: int, *, image_key: str = "it", mask: Image.Image | None = None
) -> Image.Image:
    """The corrupted image, with a donor in the context."""
    generator = corruption.generator(image_key, seed=0)
    return corruption.apply(image, severity, generator, Context(donor=DONOR, mask=mask))


def grey_image(size: tuple[int, int]) -> Image.Image:
    """An image with three equal channels."""
    return draw(3, size).convert("L").convert("RGB")


@EVERY
def test_size_mode_and_input_are_kept(corruption: Corruption):
    """At every severity, the result is RGB and has the size of the image, which itself is unchanged."""
    image = draw(1, (97, 64))
    before = image.tobytes()
    for severity in corruption.severities:
        result = corrupted(corruption, image, severity)
        assert (result.size, result.mode) == (image.size, "RGB")
        assert image.tobytes() == before


@EVERY
def test_a_read_only_array_can_be_corrupted(corruption: Corruption):
    """An image that shares a read-only array is corrupted without a write to the array."""
    array = np.array(draw(1, (64, 48)))
    before = array.copy()
    array.flags.writeable = False
    corrupted(corruption, Image.fromarray(array), corruption.severities[-1])
    assert (array == before).all()


def test_two_processes_give_the_same_bytes(driver: Callable[..., subprocess.Popen[bytes]]):
    """Every corruption at every severity gives the same bytes in two independent processes."""
    with driver("corrupt") as one, driver("corrupt") as other:
        first, _ = one.communicate()
        second, _ = other.communicate()
    assert one.returncode == other.returncode == 0
    assert first == second
    assert len(first.splitlines()) == sum(len(corruption.severities) for corruption in CORRUPTIONS.values())


@pytest.fixture
def impatient_threads() -> Iterator[None]:
    """Threads take turns as often as possible, so that what they share by mistake shows."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_threads_change_nothing():
    """Four threads at once give the same images as one after another."""
    image = draw(1, (96, 72))
    tasks = [(corruption, severity) for corruption in CORRUPTIONS.values() for severity in corruption.severities]

    def make(task: tuple[Corruption, int]) -> bytes:
        return corrupted(task[0], image, task[1]).tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(make, tasks)) == [make(task) for task in tasks]


@pytest.mark.usefixtures("impatient_threads")
def test_threads_compress_one_image():
    """Threads that compress one image with different qualities, taking turns all the time, keep them apart."""
    image, corruption = draw(1, (48, 36)), CORRUPTIONS["jpeg_twice"]
    severities = list(corruption.severities) * 20

    def make(severity: int) -> bytes:
        return corrupted(corruption, image, severity).tobytes()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(make, severities)) == [make(severity) for severity in severities]


@EVERY
def test_parameters_rise_strictly(corruption: Corruption):
    """Every corruption has a parameter, and each parameter rises with severity."""
    tables = [dict(corruption.parameters(severity)) for severity in corruption.severities]
    assert tables[0]
    for name in tables[0]:
        assert (np.diff([table[name] for table in tables]) > 0).all()


@EVERY
@pytest.mark.parametrize("size", [(8, 8), (1, 1), (3, 2), (401, 9), (9, 401), (101, 53)], ids=str)
def test_every_size_works(corruption: Corruption, size: tuple[int, int]):
    """Tiny, odd, very wide and very tall images, in colour and in grey, keep their size."""
    for image in (draw(2, size), grey_image(size)):
        assert corrupted(corruption, image, corruption.severities[-1]).size == size
        assert corrupted(corruption, image, corruption.severities[0]).size == size


@settings(max_examples=150)
@given(
    st.sampled_from(list(CORRUPTIONS.values())),
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(1, 5),
    st.text(max_size=5),
    st.booleans(),
)
def test_the_same_call_gives_the_same_image(
    corruption: Corruption, width: int, height: int, severity: int, image_key: str, masked: bool
):
    """For any size, key and mask, two equal calls give the same image of the original size."""
    image = draw(width, (width, height))
    severity = min(severity, len(corruption.severities))
    mask = MASK if masked else None
    results = [corrupted(corruption, image, severity, image_key=image_key, mask=mask) for _ in range(2)]
    assert results[0].size == (width, height)
    assert results[0].tobytes() == results[1].tobytes()


@EVERY
def test_the_highest_severity_is_visible(corruption: Corruption):
    """The highest severity changes an image."""
    image = draw(5, (96, 72))
    change = np.abs(np.asarray(corrupted(corruption, image, corruption.severities[-1])).astype(int) - np.asarray(image))
    assert change.max() > 8


MOVING = [corruption for corruption in CORRUPTIONS.values() if corruption.family in {"blur", "pose"}]


@pytest.mark.parametrize("corruption", MOVING, ids=lambda corruption: corruption.name)
def test_no_black_edges_appear(corruption: Corruption):
    """A white image that is moved, rotated or blurred stays white, without anything from beyond its edges."""
    for size in ((64, 48), (48, 64), (200, 20), (20, 200)):
        for severity in corruption.severities:
            for image_key in "abcd":
                result = corrupted(corruption, Image.new("RGB", size, "white"), severity, image_key=image_key)
                assert np.asarray(result).min() >= 254


@EVERY
def test_an_invalid_severity_is_an_error(corruption: Corruption):
    """Severities 0 and beyond the last raise a ValueError that names the corruption and its severities."""
    for severity in (0, len(corruption.severities) + 1):
        with pytest.raises(ValueError, match=rf"{corruption.name} has no severity {severity}; choose from 1"):
            corrupted(corruption, draw(1), severity)


def test_only_rgb_images_can_be_corrupted():
    """An image in another mode raises a ValueError that names the mode."""
    with pytest.raises(ValueError, match="in RGB, not L"):
        corrupted(CORRUPTIONS["fog"], draw(1).convert("L"), 1)


@EVERY
def test_every_corruption_has_a_family_and_a_summary(corruption: Corruption):
    """Each belongs to a known family and has a summary that ends with a full stop."""
    assert corruption.family in FAMILIES
    assert corruption.summary.endswith(".")
    assert corruption.name == corruption.name.lower()
    assert CORRUPTIONS[corruption.name] is corruption


@EVERY
def test_a_missing_donor_is_an_error(corruption: Corruption):
    """A corruption that needs a donor raises a ValueError without one, and says which kind is needed."""
    generator = corruption.generator("it", seed=0)
    if corruption.donor is None:
        assert corruption.apply(draw(1), 1, generator).size == draw(1).size
        return
    with pytest.raises(ValueError, match=rf"{corruption.name} needs a donor .*class"):
        corruption.apply(draw(1), 1, generator)
