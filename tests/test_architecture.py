"""The house: which way imports run, what is public, and what no room but one may do."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import lookalike

SOURCE = Path(lookalike.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))

ROOMS = {
    "": "errors text images search encoders embedding gallery evaluation report __init__ cli",
    "images": "formats files walk sniff rgb decode thumbnails",
    "search": "query similarity ranking index",
    "encoders": "spec catalog preprocess views tokenizer weights networks checkpoints runtimes encoder golden",
    "encoders.weights": "cache tensors safetensors torch_pickle hub locate",
    "encoders.networks": "source graph efficientnet_lite clip_tensors clip_vit resnet vgg families",
    "encoders.checkpoints": "config_table relatives computation preprocessing checkpoint",
    "encoders.runtimes": "runtime mapping compiled openvino onnxruntime choice",
    "gallery": "store calibration local reencode update gallery",
    "gallery.local": "database vector_file schema tables session replacement store",
    "evaluation": "data statistics ranking scoring corruptions robustness experiments",
    "evaluation.data": (
        "provenance dataset relevance sampling labels_file load contents embedded vector_store kept_embeddings"
    ),
    "evaluation.statistics": "metrics chance bootstrap intervals sign_flip retention",
    "evaluation.ranking": "exact_scores ties first_places full_ranking near_copies",
    "evaluation.scoring": "results averages score own_encoder checks",
    "evaluation.corruptions": (
        "pixels draws fields convolution textures standard corruption noise blur tone lamps weather lens occlusion "
        "pose camera background catalog"
    ),
    "evaluation.robustness": "grid donors results jobs runner scoring examples robustness",
    "evaluation.experiments": "published evaluate compare angle_results angles matrix inspect reproduce",
    "report": (
        "document drawings evaluation_json evaluation_text evaluation_page comparison_tables comparison_json "
        "comparison_text comparison_page robustness_definitions robustness_figures robustness_json robustness_text "
        "robustness_page angles_json angles_text angles_page dataset_json dataset_text dataset_sheet dataset_page "
        "matrix_files search_json results_page status_json reproduction_parts reproduction"
    ),
    "report.document": "tables definitions json_text files pages blocks",
    "report.drawings": (
        "viridis colours drawing heat_map curves pipeline clip_framework contact_sheet hit_grid matrix_picture"
    ),
    "cli": "arguments output progress encoder_options index search status encoders measuring main",
    "cli.measuring": "experiment dataset evaluate compare robustness angles matrix reproduce",
}
"""What is in each room, in the order in which imports may run: each may use what stands before it."""


def name_of(path: Path) -> str:
    """A module's name inside the package: "gallery.store"; "__init__" for the package itself."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def floor(room: str, name: str) -> int:
    """The place of a module or an inner room in its room's list."""
    listed = ROOMS[room].split()
    assert name in listed, f"{room}.{name} has no place in the list of rooms: give it one, here and in the design"
    return listed.index(name)


def parting(first: str, second: str) -> tuple[str, str, str]:
    """The innermost room that two modules share, and the part of it that each of them is in."""
    one, other = first.split("."), second.split(".")
    depth = next(
        (place for place, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its),
        min(len(one), len(other)),
    )
    return ".".join(one[:depth]), ".".join(one[depth : depth + 1]), ".".join(other[depth : depth + 1])


def imports(path: Path) -> Iterator[str]:
    """The names of the package's modules that a module imports, at its top or inside a function."""
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
    """On every floor, a module imports only what stands before it in its room's list."""
    name = name_of(path)
    for used in imports(path):
        room, mine, its = parting(name, used)
        # A room's own __init__ and what it hands on have no order between them.
        assert not (mine and its) or floor(room, its) < floor(room, mine), (
            f"{name} imports {used}, which stands after it"
        )


def test_every_room_is_listed_and_says_what_lives_there():
    """Every package has a list, its list names all that is in it and nothing else, and its docstring is a sentence."""
    for room, listed in ROOMS.items():
        folder = SOURCE.joinpath(*room.split(".")) if room else SOURCE
        inside = {path.stem for path in folder.glob("*.py")} - ({"__init__"} if room else set())
        inside |= {path.parent.name for path in folder.glob("*/__init__.py")}
        assert set(listed.split()) == inside, room
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))), room
    assert {".".join(path.parent.relative_to(SOURCE).parts) for path in SOURCE.rglob("__init__.py")} == set(ROOMS)


def test_no_imports_run_in_a_circle():
    """Within a room, too, no module imports itself by way of others."""
    uses = {name_of(path): set(imports(path)) - {name_of(path)} for path in MODULES if path.name != "__init__.py"}
    while uses:
        free = [name for name, used in uses.items() if not used & uses.keys()]
        assert free, f"these import one another: {sorted(uses)}"
        for name in free:
            del uses[name]


def test_the_public_interface_stands_still():
    """These names, and no others, are public."""
    assert lookalike.__all__ == [
        "Encoder",
        "EncoderError",
        "EncoderSpec",
        "Gallery",
        "GalleryError",
        "Hit",
        "LookalikeError",
        "PictureError",
        "Query",
        "Ranking",
        "Skipped",
        "Status",
        "UpdateReport",
        "load_encoder",
    ]


@pytest.mark.parametrize("name", lookalike.__all__)
def test_everything_public_is_documented(name: str):
    """Each public object, and each public method and property of it, has a docstring of its own."""
    thing = getattr(lookalike, name)
    assert thing.__doc__
    assert not thing.__doc__.startswith(f"{name}("), "only the docstring that dataclasses make"
    for member, value in vars(thing).items() if inspect.isclass(thing) else ():
        if not member.startswith("_") and (inspect.isroutine(value) or isinstance(value, property)):
            assert inspect.getdoc(value), f"{name}.{member}"


@pytest.mark.parametrize("path", [path for path in MODULES if "cli" not in path.parts], ids=name_of)
def test_only_the_command_line_prints_and_exits(path: Path):
    """No other module calls print, writes to the standard streams, or ends the process."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            assert node.id not in {"print", "exit", "quit", "SystemExit", "input"}, node.lineno
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            called = (node.value.id, node.attr)
            assert called not in {("sys", "exit"), ("sys", "stdout"), ("sys", "stderr"), ("os", "_exit")}, node.lineno


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_overlong(path: Path):
    """A module is at most 400 lines, so that it can be read at one sitting."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
