"""The last evaluation of a gallery is kept with it, as long as it is one of its encoder."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from drawing import drawn
from fakes import FakeEncoder
from galleries import Result, index
from lookalike import Gallery

RESULT = {"folder": "", "queries": 3, "micro": {"map": 0.5}, "best": [], "worst": [], "failures": []}


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Six images of two classes."""
    root = tmp_path / "photos"
    for number in range(6):
        drawn(root / ("cat" if number < 3 else "dog") / f"{number}.png", number)
    return root


def test_the_last_one_is_kept(classes: Path, fake: FakeEncoder):
    """It replaces the one before, and the time is noted."""
    with index(classes, fake) as gallery:
        assert gallery.last_evaluation() is None
        gallery.keep_evaluation(RESULT | {"queries": 9})
        gallery.keep_evaluation(RESULT)
    with Gallery.open(classes, encoder=fake) as gallery:
        kept = gallery.last_evaluation()
        assert kept is not None
        assert (kept.queries, kept.mean_ap, kept.result) == (3, 0.5, RESULT)
        assert kept.measured.tzinfo is not None


def test_that_of_another_encoder_is_forgotten(classes: Path, fake: FakeEncoder):
    """It says nothing about this one."""
    with index(classes, fake) as gallery:
        gallery.keep_evaluation(RESULT)
        other = FakeEncoder("other")
        gallery.reencode(other)
        assert gallery.last_evaluation() is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_one_is_none(content: bytes, classes: Path, fake: FakeEncoder):
    """The gallery works without it."""
    with index(classes, fake) as gallery:
        gallery.keep_evaluation(RESULT)
        (file,) = gallery.path.glob("evaluation.json")
        file.write_bytes(content)
        assert gallery.last_evaluation() is None


def test_the_command_keeps_it(classes: Path, call: Callable[..., Result]):
    """An evaluation of a gallery by its own encoder; one by another encoder, or of other images, is not kept."""
    call("index", classes)
    status = ("status", "--gallery", classes)
    assert json.loads(call(*status, "--json").out)["evaluated"] is None
    printed = json.loads(call("evaluate", classes, "--json", "--k", "1").out)
    assert json.loads(call(*status, "--json").out)["evaluated"] is not None
    assert f"quality    mAP {printed['micro']['map']:.3f} of 6 queries, evaluated on 2" in call(*status).out
    with Gallery.open(classes) as gallery:
        kept = gallery.last_evaluation()
        assert kept is not None
        assert kept.result == printed


def test_a_gallery_that_cannot_be_written_goes_without(
    classes: Path, fake: FakeEncoder, unprivileged: Callable[[], AbstractContextManager[None]]
):
    """That is no reason to fail."""
    with index(classes, fake) as gallery:
        gallery.path.chmod(0o555)
        with unprivileged():
            gallery.keep_evaluation(RESULT)
            assert gallery.last_evaluation() is None
        gallery.path.chmod(0o755)
