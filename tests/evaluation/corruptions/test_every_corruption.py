"""What holds for every corruption alike."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drawing import draw
from lookalike.evaluation.corruptions import CORRUPTIONS, FAMILIES, Context, Corruption

DONOR = draw(99, (64, 48))
MASK = Image.new("1", (30, 20))
MASK.paste(1, (10, 5, 20, 15))

EVERY = pytest.mark.parametrize("corruption", CORRUPTIONS.values(), ids=CORRUPTIONS)


def damaged(
    corruption: Corruption, image: Image.Image, severity: int, *, identity: str = "it", mask: Image.Image | None = None
) -> Image.Image:
    """The picture after one corruption, with a donor at hand."""
    generator = corruption.generator(identity, seed=0)
    return corruption.apply(image, severity, generator, Context(donor=DONOR, mask=mask))


def grey_photograph(size: tuple[int, int]) -> Image.Image:
    """A picture whose three channels are the same."""
    return draw(3, size).convert("L").convert("RGB")


@EVERY
def test_size_mode_and_the_input_never_change(corruption: Corruption):
    """At every severity the result is RGB and as large as the picture, which stays as it was."""
    image = draw(1, (97, 64))
    before = image.tobytes()
    for severity in corruption.severities:
        result = damaged(corruption, image, severity)
        assert (result.size, result.mode) == (image.size, "RGB")
        assert image.tobytes() == before


@EVERY
def test_an_array_that_a_picture_shares_is_never_written_to(corruption: Corruption):
    """A picture made of a read-only array, without a copy of its own, is damaged all the same; the array stays."""
    array = np.array(draw(1, (64, 48)))
    before = array.copy()
    array.flags.writeable = False
    damaged(corruption, Image.fromarray(array), corruption.severities[-1])
    assert (array == before).all()


def test_two_processes_give_the_same_bytes(driver: Callable[..., subprocess.Popen[bytes]]):
    """Every corruption at every severity makes the same bytes in two processes that know nothing of each other."""
    with driver("corrupt") as one, driver("corrupt") as other:
        first, _ = one.communicate()
        second, _ = other.communicate()
    assert one.returncode == other.returncode == 0
    assert first == second
    assert len(first.splitlines()) == sum(len(corruption.severities) for corruption in CORRUPTIONS.values())


def test_threads_change_nothing():
    """Damaged on four threads at once, pictures are what they are when damaged one after the other."""
    image = draw(1, (96, 72))
    tasks = [(corruption, severity) for corruption in CORRUPTIONS.values() for severity in corruption.severities]

    def make(task: tuple[Corruption, int]) -> bytes:
        return damaged(task[0], image, task[1]).tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(make, tasks)) == [make(task) for task in tasks]


@EVERY
def test_parameters_rise_strictly(corruption: Corruption):
    """Every named parameter is greater at each severity than at the one before, and there is at least one."""
    tables = [dict(corruption.parameters(severity)) for severity in corruption.severities]
    assert tables[0]
    for name in tables[0]:
        assert (np.diff([table[name] for table in tables]) > 0).all()


@EVERY
@pytest.mark.parametrize("size", [(8, 8), (1, 1), (3, 2), (401, 9), (9, 401), (101, 53)], ids=str)
def test_every_size_works(corruption: Corruption, size: tuple[int, int]):
    """Tiny, odd, very long and very high pictures, in colour and in grey, come out at their size."""
    for image in (draw(2, size), grey_photograph(size)):
        assert damaged(corruption, image, corruption.severities[-1]).size == size
        assert damaged(corruption, image, corruption.severities[0]).size == size


@settings(max_examples=150)
@given(
    st.sampled_from(list(CORRUPTIONS.values())),
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(1, 5),
    st.text(max_size=5),
    st.booleans(),
)
def test_any_size_and_identity_works(
    corruption: Corruption, width: int, height: int, severity: int, identity: str, masked: bool
):
    """Whatever the size, the identity and the mask, twice the same call gives the same picture of the same size."""
    image = draw(width, (width, height))
    severity = min(severity, len(corruption.severities))
    mask = MASK if masked else None
    results = [damaged(corruption, image, severity, identity=identity, mask=mask) for _ in range(2)]
    assert results[0].size == (width, height)
    assert results[0].tobytes() == results[1].tobytes()


@EVERY
def test_pictures_are_visibly_damaged(corruption: Corruption):
    """The greatest severity changes a photograph; only the control of half a turn leaves it as it is."""
    image = draw(5, (96, 72))
    change = np.abs(np.asarray(damaged(corruption, image, corruption.severities[-1])).astype(int) - np.asarray(image))
    assert (change.max() > 8) == (corruption.name != "planar_rotation")


MOVING = [corruption for corruption in CORRUPTIONS.values() if corruption.family in {"blur", "pose"}]


@pytest.mark.parametrize("corruption", MOVING, ids=lambda corruption: corruption.name)
def test_a_plain_picture_gets_no_foreign_edge(corruption: Corruption):
    """Nothing black comes in from beyond the edges: what is moved, turned or blurred of a white picture stays white."""
    for size in ((64, 48), (48, 64), (200, 20), (20, 200)):
        for severity in corruption.severities:
            for identity in "abcd":
                result = damaged(corruption, Image.new("RGB", size, "white"), severity, identity=identity)
                assert np.asarray(result).min() >= 254


@EVERY
def test_what_is_no_severity_is_refused(corruption: Corruption):
    """0, and one more than there are, are a ValueError that names the corruption and the severities there are."""
    for severity in (0, len(corruption.severities) + 1):
        with pytest.raises(ValueError, match=rf"{corruption.name} has no severity {severity}; there is 1"):
            damaged(corruption, draw(1), severity)


def test_only_rgb_is_taken():
    """A picture in another mode is a ValueError that names the mode."""
    with pytest.raises(ValueError, match="in RGB, not L"):
        damaged(CORRUPTIONS["fog"], draw(1).convert("L"), 1)


@EVERY
def test_everything_is_described(corruption: Corruption):
    """Each has a family that is listed and one sentence that ends with a full stop."""
    assert corruption.family in FAMILIES
    assert corruption.summary.endswith(".")
    assert corruption.name == corruption.name.lower()
    assert CORRUPTIONS[corruption.name] is corruption


@EVERY
def test_a_missing_donor_is_a_clear_error(corruption: Corruption):
    """Where another picture's surround is needed and none is given, the error says whose."""
    generator = corruption.generator("it", seed=0)
    if corruption.donor is None:
        assert corruption.apply(draw(1), 1, generator).size == draw(1).size
        return
    with pytest.raises(ValueError, match=rf"{corruption.name} needs a donor, a picture of (an)?(the )?\w* ?\w*class"):
        corruption.apply(draw(1), 1, generator)
