"""The structure of the package: the direction of imports, the public interface, and what only ``cli`` may do."""

import ast
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lookalike
from lookalike import evaluation
from processes import python_path

SOURCE = Path(lookalike.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))

ROOMS = {
    "": (
        "exports errors plugins text system_files csv_rows machine progress atomic file_locks images notebook search "
        "encoders embedding gallery evaluation report __init__ web cli __main__"
    ),
    "images": "formats files messages sniff kinds selection walk memory pixels readers decode rules thumbnails",
    "images.pixels": "levels samples colour rgb",
    "images.readers": "opened animation pillow ico png jpeg jpeg_damage tiff webp boxed netpbm raw choice",
    "images.readers.boxed": "boxes iso_media heif jpeg2000 jpegxl",
    "search": "match_words conditions grammar query similarity ranking index",
    "encoders": (
        "spec catalog variants preprocess views tokenizer weights networks checkpoints runtimes probe encoder golden "
        "benchmark"
    ),
    "encoders.weights": "cache tensors safetensors torch_pickle folder hub repository locate",
    "encoders.networks": "source graph efficientnet_lite clip_names clip_tensors clip_vit resnet vgg families",
    "encoders.checkpoints": "config_object unsupported rules preprocessing open_clip transformers timm checkpoint",
    "encoders.runtimes": "runtime mapping compiled openvino onnxruntime choice",
    "embedding": "ahead limits load messages worker process isolated files vector_cache cached_files",
    "gallery": (
        "records store options last_update stamp_check own_encoder contents local stores searching reading updating "
        "gallery care"
    ),
    "gallery.contents": "images thumbnails status duplicates annotations evaluation",
    "gallery.searching": "copies calibration terms folding searcher",
    "gallery.updating": "root listed missing comparison update reencode",
    "gallery.local": "locks database sql rows older session summary stamps scan active reader store care",
    "gallery.local.stamps": "settling replacement compaction",
    "gallery.local.care": "check salvage rebuild backup",
    "gallery.local.rows": "held_file vector_file records stamp_rows",
    "gallery.local.sql": "schema tables value_table entry_table embedding_table revisions where facets",
    "evaluation": "data statistics ranking scoring corruptions robustness experiments",
    "evaluation.data": ("provenance dataset relevance sampling layouts load contents embedded external"),
    "evaluation.data.layouts": "spelling labels_file class_folders splits",
    "evaluation.statistics": (
        "metrics vote_chance chance effects sampling intervals effect_sums part_sums influence differences retention"
    ),
    "evaluation.ranking": "exact_scores ties full_ranking near_duplicates",
    "evaluation.scoring": "results averages score default_encoder encoder_names checks",
    "evaluation.corruptions": (
        "pixels draws fields convolution textures standard corruption noise blur tone lamps weather lens occlusion "
        "pose camera background catalog"
    ),
    "evaluation.robustness": (
        "grid donors results jobs keys estimate runner scoring averages examples robustness comparison"
    ),
    "evaluation.experiments": (
        "published evaluate compare angle_results angles angle_comparison matrix inspect reproduce"
    ),
    "report": (
        "document drawings rasters sections evaluation comparison robustness angles dataset matrix search duplicates "
        "gallery browse reproduction export"
    ),
    "report.document": (
        "anchors elements blocks numbering values definitions json html_table html markdown terminal files"
    ),
    "report.drawings": "colours drawing heat_map curves dots sizes pipeline clip_framework",
    "report.rasters": "viridis raster contact_sheet hit_grid matrix_plot",
    "report.evaluation": "images json document",
    "report.comparison": "tables json document",
    "report.robustness": "definitions figures tables json document comparison",
    "report.angles": "definitions json document comparison",
    "report.dataset": "contact_sheet json document",
    "report.reproduction": "findings paper chapters rankings document",
    "report.export": "rows arrays tables export",
    "web": "settings admission kept encoding galleries telemetry service searching security api app server",
    "web.encoding": "uploads previews batches query_encoder",
    "web.galleries": "served watching originals",
    "web.security": "answers hosts access limits headers",
    "web.api": "models errors answers bodies searching previews galleries images picks state",
    "cli": (
        "terminal encoder_source options output galleries indexing searching gallery serve formats encoders "
        "measuring care completion program main"
    ),
    "cli.options": "command shared encoder file_limits",
    "cli.indexing": "kept_options opening summary index",
    "cli.searching": "queries modifiers narrowing galleries answers taking search duplicates",
    "cli.gallery": "status annotate export remove",
    "cli.terminal": "messages links native_output progress interrupt unexpected wrong_usage",
    "cli.care": "check repair backup",
    "cli.measuring": "options experiment dataset evaluate compare robustness angles matrix reproduce cache",
}
"""The modules of each room, in import order: each may import only those listed before it."""


def name_of(path: Path) -> str:
    """A module's name inside the package: "gallery.store"; "__init__" for the package itself."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def position(room: str, name: str) -> int:
    """The position of a module or an inner room in the list of its room."""
    listed = ROOMS[room].split()
    assert name in listed, (
        f"{room}.{name} is not listed in ROOMS: add it there, and in docs/architecture.md if it is a new room"
    )
    return listed.index(name)


def common_room(first: str, second: str) -> tuple[str, str, str]:
    """The innermost room that contains both modules, and the module or inner room of it that contains each."""
    one, other = first.split("."), second.split(".")
    depth = next(
        (level for level, (left, right) in enumerate(zip(one, other, strict=False)) if left != right),
        min(len(one), len(other)),
    )
    return ".".join(one[:depth]), ".".join(one[depth : depth + 1]), ".".join(other[depth : depth + 1])


def imports(path: Path) -> Iterator[str]:
    """The modules of the package that a module imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            full = [alias.name for alias in node.names]
        else:
            continue
        for name in full:
            if name == "lookalike" or name.startswith("lookalike."):
                inside = name.removeprefix("lookalike").removeprefix(".").split(".")
                while inside and not (
                    SOURCE.joinpath(*inside).is_dir() or SOURCE.joinpath(*inside[:-1], f"{inside[-1]}.py").is_file()
                ):
                    inside.pop()
                yield ".".join(inside) or "__init__"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_one_way(path: Path):
    """Modules and rooms import only what is listed before them in their room."""
    name = name_of(path)
    for used in imports(path):
        room, importer, imported = common_room(name, used)
        # There is no order between the __init__ of a room and the modules whose names it re-exports.
        assert not (importer and imported) or position(room, imported) < position(room, importer), (
            f"{name} imports {used}, which is listed after it"
        )


def test_every_room_is_listed_and_documented():
    """Every package is in ROOMS with exactly the modules it contains, and has a docstring."""
    for room, listed in ROOMS.items():
        folder = SOURCE.joinpath(*room.split(".")) if room else SOURCE
        inside = {path.stem for path in folder.glob("*.py")} - ({"__init__"} if room else set())
        inside |= {path.parent.name for path in folder.glob("*/__init__.py")}
        assert set(listed.split()) == inside, room
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))), room
    assert {".".join(path.parent.relative_to(SOURCE).parts) for path in SOURCE.rglob("__init__.py")} == set(ROOMS)


def test_there_are_no_import_cycles():
    """No module imports itself by way of others."""
    uses = {name_of(path): set(imports(path)) - {name_of(path)} for path in MODULES if path.name != "__init__.py"}
    while uses:
        free = [name for name, used in uses.items() if not used & uses.keys()]
        assert free, f"import cycle among {sorted(uses)}"
        for name in free:
            del uses[name]


def test_the_public_interface_is_unchanged():
    """Exactly these names are public."""
    assert lookalike.__all__ == [
        "Encoder",
        "EncoderError",
        "EncoderSpec",
        "Gallery",
        "GalleryError",
        "Hit",
        "ImageError",
        "LookalikeError",
        "Query",
        "Ranking",
        "Skipped",
        "Status",
        "UpdateReport",
        "load_encoder",
    ]


def test_the_public_interface_of_evaluation():
    """These experiments and functions, and no others, are public."""
    assert evaluation.__all__ == [
        "EmbeddingCache",
        "compare",
        "compare_angles",
        "compare_robustness",
        "embed_dataset",
        "evaluate",
        "inspect_dataset",
        "load_dataset",
        "measure_angles",
        "measure_robustness",
        "reproduce",
        "similarity_matrix",
    ]
    assert all(inspect.getdoc(getattr(evaluation, name)) for name in evaluation.__all__)


@pytest.mark.parametrize(
    "arguments", [["-c", "import lookalike, lookalike.evaluation"], ["-m", "lookalike", "--version"]]
)
def test_starting_imports_no_large_library(arguments: list[str]):
    """Importing the packages and printing the version import neither numpy nor Pillow nor anything larger."""
    # Measuring coverage imports more in every process.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**environment, "PYTHONPATH": python_path()},
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "lookalike" in imported
    assert not imported & {"numpy", "PIL", "sqlite3", "onnx", "openvino", "huggingface_hub", "tokenizers", "jinja2"}


@pytest.mark.parametrize("name", lookalike.__all__)
def test_everything_public_is_documented(name: str):
    """Each public object and each of its public methods and properties has a docstring of its own."""
    thing = getattr(lookalike, name)
    assert thing.__doc__
    assert not thing.__doc__.startswith(f"{name}("), "only the docstring that dataclass generates"
    for member, value in vars(thing).items() if inspect.isclass(thing) else ():
        if not member.startswith("_") and (inspect.isroutine(value) or isinstance(value, property)):
            assert inspect.getdoc(value), f"{name}.{member}"


@pytest.mark.parametrize(
    "path",
    # embedding.worker is a program of its own, which only Lookalike starts.
    [p for p in MODULES if name_of(p).split(".")[0] not in {"cli", "__main__"} and name_of(p) != "embedding.worker"],
    ids=name_of,
)
def test_only_the_command_line_prints_and_exits(path: Path):
    """No module outside ``cli`` calls print, uses the standard streams, or exits."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            assert node.id not in {"print", "exit", "quit", "SystemExit", "input"}, node.lineno
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            called = (node.value.id, node.attr)
            assert called not in {("sys", "exit"), ("sys", "stdout"), ("sys", "stderr"), ("os", "_exit")}, node.lineno


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_too_long(path: Path):
    """A module has at most 400 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_the_architecture_page_is_up_to_date():
    """Every module, class and function that docs/architecture.md names exists, and it has a row for every room."""
    page = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [room for room in ROOMS[""].split() if not room.startswith("__")]
    names = re.findall(rf"`((?:{'|'.join(rooms)})(?:\.\w+)+)`", page)
    assert len(names) > 40
    for name in names:
        assert pkgutil.resolve_name(f"lookalike.{name}"), name
    assert re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE))) == rooms
