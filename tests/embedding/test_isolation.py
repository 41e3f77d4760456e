"""Files that hang, crash or exhaust a decoder cost themselves, and nothing else."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from fakes import SPEC, FakeEncoder
from lookalike.embedding import process as process_module
from lookalike.embedding.files import EmbeddedFile, Loading, embed_files
from lookalike.embedding.limits import FileLimits
from lookalike.embedding.load import Loaded, Loader
from lookalike.embedding.process import ReaderProcess
from lookalike.errors import ReadingProcessError
from lookalike.images import memory
from lookalike.images.decode import ReadOptions
from lookalike.images.files import FileStat, FoundFile, SkipKind, Skipped
from lookalike.images.walk import find_images
from processes import python_path

_ODD_DECODER = """
import os, signal, sys, json, time
sys.path[:] = json.loads(sys.argv[1])
from PIL import Image
from lookalike.embedding import worker, load
from lookalike.images.files import image_error
real = load.open_image
def open_image(file, **options):
    what = options["name"]
    if "crash" in what:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "abort" in what:
        os.abort()
    if "leave" in what:
        os._exit(3)
    if "hang" in what:
        time.sleep(600)
    if "print" in what:
        print("a library's message", flush=True)
    if "frames" in what:
        raise image_error("damaged", f"Pillow's limit is {Image.MAX_IMAGE_PIXELS}")
    if "hungry" in what:
        bytearray(2_000_000_000)
    return real(file, **options)
load.open_image = open_image
worker.main()
"""
"""A reading process whose decoder misbehaves at files of certain names, as decoders in C do."""

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder of images."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def odd_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reading processes have the odd decoder."""
    monkeypatch.setattr(process_module, "_START", _ODD_DECODER)


@pytest.fixture
def whole_budget() -> Iterator[None]:
    """Leave a budget that is large enough for other tests."""
    yield
    memory.limit_memory(4_000_000_000)


def image(path: Path, seed: int, size: tuple[int, int] = (90, 60)) -> None:
    """Save an image of noise."""
    Image.effect_noise(size, 20 + seed % 200).convert("RGB").save(path)


def embed(
    folder: Path, limits: FileLimits | None = None, files: list[FoundFile] | None = None, **options: object
) -> dict[str, EmbeddedFile | Skipped]:
    """The outcome for every file of ``folder``, by path."""
    files = find_images(folder).files if files is None else files
    batches = embed_files(FakeEncoder(), folder, files, limits=limits or FileLimits(), **options)  # type: ignore[arg-type]
    outcomes = [outcome for batch in batches for outcome in batch]
    found = [outcome.path if isinstance(outcome, Skipped) else outcome.file.path for outcome in outcomes]
    assert found == [file.path for file in files]
    return dict(zip(found, outcomes, strict=True))


def test_isolated_reading_gives_the_same(folder: Path):
    """Digests, embeddings, notes and reasons are those of reading in the same process."""
    for number in range(12):
        image(folder / f"{number}.png", number)
    image(folder / "larger.jpg", 1, (900, 700))
    (folder / "webp.jpg").write_bytes((folder / "0.png").read_bytes())
    (folder / "text.jpg").write_text("no image")
    (folder / "empty.png").touch()
    (folder / "cut.png").write_bytes((folder / "1.png").read_bytes()[:200])
    Image.new("RGB", (50, 50), "red").save(folder / "blank.png")
    name = os.fsdecode(b"odd \xff name.png")
    image(folder / name, 3)
    image(folder / "unreadable.png", 4)
    image(folder / "gone.png", 5)
    (folder / "unreadable.png").chmod(0)
    files = find_images(folder).files
    (folder / "gone.png").unlink()
    isolated, together = embed(folder, files=files), embed(folder, FileLimits(isolate=False), files=files)
    assert isolated.keys() == together.keys()
    for path, one in isolated.items():
        other = together[path]
        if isinstance(one, Skipped) or isinstance(other, Skipped):
            assert one == other
            continue
        assert (one.file, one.digest, one.share, one.other_format) == (
            other.file,
            other.digest,
            other.share,
            other.other_format,
        )
        assert one.vector is not None
        assert (one.vector == other.vector).all()


def test_known_contents_are_not_decoded(folder: Path):
    """The process asks before it decodes."""
    image(folder / "a.png", 1)
    (outcome,) = embed(folder, known=lambda _: True).values()
    assert isinstance(outcome, EmbeddedFile)
    assert outcome.vector is None


@posix
@pytest.mark.parametrize(("name", "how"), [("crash", "SIGSEGV"), ("abort", "SIGABRT"), ("leave", "exit code 3")])
@pytest.mark.usefixtures("odd_decoder")
def test_a_crash_costs_one_file(folder: Path, name: str, how: str):
    """However a decoder ends its process, the other files are embedded, and the reason says how."""
    for number in range(8):
        image(folder / f"{number}.png", number)
    image(folder / f"3 {name}.png", 3)
    outcomes = embed(folder)
    lost = outcomes.pop(f"3 {name}.png")
    assert isinstance(lost, Skipped)
    assert lost.kind == SkipKind.CRASHED
    assert how in lost.reason
    assert lost.stat is not None
    assert all(isinstance(outcome, EmbeddedFile) for outcome in outcomes.values())


@pytest.mark.usefixtures("odd_decoder")
def test_a_file_that_hangs_is_given_up(folder: Path):
    """After the time limit, its process is ended, and the other files are embedded."""
    for number in range(6):
        image(folder / f"{number}.png", number)
    image(folder / "2 hang.png", 2)
    outcomes = embed(folder, FileLimits(seconds=2))
    lost = outcomes.pop("2 hang.png")
    assert isinstance(lost, Skipped)
    assert lost.kind == SkipKind.TIMED_OUT
    assert "--time-limit" in lost.reason
    assert all(isinstance(outcome, EmbeddedFile) for outcome in outcomes.values())


@pytest.mark.usefixtures("odd_decoder")
def test_what_a_library_prints_is_no_answer(folder: Path):
    """Standard output of the process can be used by anything."""
    image(folder / "print.png", 1)
    assert isinstance(embed(folder)["print.png"], EmbeddedFile)


@pytest.mark.usefixtures("odd_decoder")
def test_frames_have_the_limit_of_images(folder: Path):
    """Pillow's own limit would reject images that are within the one of the gallery."""
    image(folder / "frames.png", 1)
    outcome = embed(folder, reading=ReadOptions(pixel_cap=345_678_000))["frames.png"]
    assert isinstance(outcome, Skipped)
    assert outcome.reason == "Pillow's limit is 345678000"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
@pytest.mark.usefixtures("odd_decoder")
def test_a_decoder_gets_no_more_memory_than_it_was_given(folder: Path):
    """A decoder that takes gigabytes for a small image fails for that image."""
    image(folder / "a.png", 1)
    image(folder / "hungry.png", 2)
    outcomes = embed(folder)
    assert isinstance(outcomes["a.png"], EmbeddedFile)
    assert outcomes["hungry.png"] == Skipped(
        "hungry.png",
        SkipKind.OUT_OF_MEMORY,
        "too large for this machine's memory",
        outcomes["hungry.png"].stat,  # type: ignore[union-attr]
    )


@pytest.mark.slow
@pytest.mark.parametrize("form", ["WEBP", "PNG", "AVIF", "JPEG", "TIFF"])
def test_large_images_have_the_memory_they_need(folder: Path, form: str):
    """At 39 megapixels, which are not reduced while they are decoded: also for what comes after decoding."""
    options = {"lossless": True, "quality": 0, "method": 0} if form == "WEBP" else {}
    options |= {"speed": 10} if form == "AVIF" else {}
    Image.linear_gradient("L").resize((7500, 5200)).convert("RGBA").convert("RGB" if form == "JPEG" else "RGBA").save(
        folder / f"large.{form.lower()}", **options
    )
    (outcome,) = embed(folder).values()
    assert isinstance(outcome, EmbeddedFile), outcome


@pytest.mark.parametrize("isolate", [True, False])
@pytest.mark.usefixtures("whole_budget")
def test_images_that_need_more_than_the_budget_are_skipped(folder: Path, isolate: bool):
    """The reason names the option, and whether an image fits is told from its header."""
    Image.new("L", (3000, 2000)).save(folder / "large.png")
    image(folder / "small.png", 1)
    memory.limit_memory(100_000_000)
    outcomes = embed(folder, FileLimits(isolate=isolate))
    lost = outcomes["large.png"]
    assert isinstance(lost, Skipped)
    assert lost.kind == SkipKind.OUT_OF_MEMORY
    assert "--memory" in lost.reason
    assert isinstance(outcomes["small.png"], EmbeddedFile)


def test_large_images_wait_for_each_other():
    """Two images that fit the budget one by one only are decoded one after the other."""
    budget = memory.MemoryBudget(100)
    with budget.taken(60):
        entered = threading.Event()

        def other() -> None:
            with budget.taken(60):
                entered.set()

        thread = threading.Thread(target=other)
        thread.start()
        assert not entered.wait(0.2)
    thread.join()
    assert entered.is_set()


@posix
@pytest.mark.usefixtures("odd_decoder")
def test_the_process_ends_with_the_one_that_started_it(folder: Path, tmp_path: Path):
    """However that ends, no process goes on decoding."""
    image(folder / "hang.png", 1)
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, threading, time\n"
        "from pathlib import Path\n"
        "from lookalike.embedding import process\n"
        "from lookalike.embedding.limits import FileLimits\n"
        "from lookalike.embedding.load import Loader\n"
        "from lookalike.images.walk import find_images\n"
        "from fakes import SPEC\n"
        "from lookalike.images.decode import ReadOptions\n"
        f"process._START = {_ODD_DECODER!r}\n"
        "folder = Path(sys.argv[1])\n"
        "reader = process.ReaderProcess(Loader(SPEC, ReadOptions()), folder, FileLimits())\n"
        "print(reader._process.pid, flush=True)\n"
        "reader.read(find_images(folder).files[0], lambda _: False)\n"
    )
    with subprocess.Popen(
        [sys.executable, str(program), str(folder)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": python_path()},
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(1)  # so that it is in its decoder
        os.kill(child, 0)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.05)
    assert not _runs(child)


def _runs(process: int) -> bool:
    try:
        return " Z" not in Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1][:2]
    except OSError:
        return False


@pytest.mark.usefixtures("odd_decoder")
def test_closing_does_not_wait_for_a_decoder(folder: Path):
    """A consumer that stops ends what is being read at once."""
    image(folder / "0.png", 1)
    for number in range(1, 9):
        image(folder / f"{number} hang.png", number)
    encoder = FakeEncoder()
    encoder.batch = 1  # so that the first result doesn't wait for the others
    files = find_images(folder).files
    batches = embed_files(encoder, folder, files, limits=FileLimits())
    first = next(batches)
    started = time.monotonic()
    batches.close()
    assert first
    assert time.monotonic() - started < 30  # a decoder hangs for 600


def test_a_file_that_is_longer_than_any_image_is_not_read(folder: Path):
    """60 GB of nothing are told from their head, and 60 GB behind a JPEG from their length."""
    with (folder / "nothing.jpg").open("wb") as file:
        file.truncate(60_000_000_000)
    image(folder / "image.jpg", 1)
    with (folder / "image.jpg").open("r+b") as file:
        file.truncate(60_000_000_000)
    outcomes = embed(folder)
    assert isinstance(outcomes["nothing.jpg"], Skipped)
    assert outcomes["nothing.jpg"].kind == SkipKind.NOT_AN_IMAGE
    assert isinstance(outcomes["image.jpg"], Skipped)
    assert "60.0 GB is above the limit of 4 GB" in outcomes["image.jpg"].reason


def test_an_image_that_is_written_to_is_not_damaged(folder: Path):
    """If its bytes change between the digest and the decoding, it is read again by the next run."""
    file = folder / "changing.png"
    image(file, 1)

    def overwrite(_: bytes) -> bool:
        with file.open("r+b") as opened:
            opened.seek(40)  # behind the header
            opened.write(bytes(file.stat().st_size - 60))
        return False

    found = FoundFile(file.name, FileStat.of(file.stat()))
    outcome = Loader(SPEC).load(folder, found, overwrite)
    assert isinstance(outcome, Skipped)
    assert (outcome.kind, outcome.reason) == (SkipKind.UNREADABLE, "changed while it was read")


def test_no_image_is_blamed_if_processes_do_not_start(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """As where Python can't be started, or stops at once: the error says what can be done."""
    image(folder / "a.png", 1)
    with monkeypatch.context() as patch:
        patch.setattr(process_module, "_START", "raise SystemExit(7)")
        with pytest.raises(ReadingProcessError, match=r"exit code 7.*--no-isolate"):
            embed(folder)
    monkeypatch.setattr(sys, "executable", str(folder / "no python"))
    with pytest.raises(ReadingProcessError, match=r"No such file.*--no-isolate"):
        embed(folder)


def test_a_short_time_limit_does_not_count_the_start(folder: Path):
    """It is for decoding: a process may take longer than that to start."""
    image(folder / "a.png", 1)
    assert isinstance(embed(folder, FileLimits(seconds=0.01))["a.png"], EmbeddedFile)


@posix
def test_the_command_goes_on_after_a_file_that_takes_too_long(folder: Path):
    """A JPEG of many scans is given up, named, and not tried again; the other images are found."""
    for number in range(3):
        image(folder / f"{number}.png", number)
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((12000, 12000)).save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    scan = content[content.rindex(b"\xff\xda") : -2]
    (folder / "slow.jpg").write_bytes(content[:-2] + 180 * scan + content[-2:])
    first = lookalike("index", folder, "--time-limit", "1")
    assert "3 added" in first
    assert "1 skipped" in first
    assert "slow.jpg: not decoded within 1 s (--time-limit)" in lookalike("status", "--gallery", folder)
    assert "Up to date" in lookalike("index", folder)


def lookalike(*arguments: object) -> str:
    """What the command prints, in a process of its own."""
    command = [sys.executable, "-m", "lookalike", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_process_that_was_killed_from_outside_costs_its_file(folder: Path):
    """As by a system that is short of memory: the file is skipped, and the process is replaced."""
    image(folder / "a.png", 1)
    reader = ReaderProcess(Loader(SPEC, ReadOptions()), folder, FileLimits())
    try:
        (file,) = find_images(folder).files
        assert isinstance(reader.read(file, lambda _: False), Loaded)
        reader._process.kill()
        outcome = reader.read(file, lambda _: False)
        assert isinstance(outcome, Skipped)
        assert outcome.kind == SkipKind.CRASHED
        assert not reader.is_alive
    finally:
        reader.close()


@pytest.mark.skipif(
    not Path(f"/proc/self/task/{os.getpid()}/children").exists(), reason="child processes are listed on Linux only"
)
def test_the_processes_start_while_the_encoder_is_loaded(folder: Path):
    """When the encoder is there, so are they: one for each thread."""
    image(folder / "a.png", 1)
    found = []

    def load() -> FakeEncoder:
        tasks = Path("/proc/self/task").iterdir()
        found.extend(child for task in tasks for child in (task / "children").read_text().split())
        return FakeEncoder()

    files = find_images(folder).files
    (batch,) = embed_files(Loading(FakeEncoder().spec, load), folder, files, limits=FileLimits(), threads=3)
    assert len(found) == 3
    assert [outcome for outcome in batch if isinstance(outcome, EmbeddedFile)]
