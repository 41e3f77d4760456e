"""The house: which way imports run, what is public, and what no room but one may do."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import lookalike

SOURCE = Path(lookalike.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))

ROOMS = (
    "errors",
    "picture_files",
    "images",
    "query",
    "encoders.spec",
    "encoders.cache",
    "encoders.hub",
    "encoders.catalog",
    "encoders.weights",
    "encoders.tensors",
    "encoders.torch_pickle",
    "encoders.safetensors_file",
    "encoders.networks",
    "encoders.families",
    "encoders.preprocess",
    "encoders.views",
    "encoders.tokenizer",
    "encoders.runtime",
    "encoders.config_table",
    "encoders.checkpoint_config",
    "encoders.preprocessing_config",
    "encoders.checkpoint",
    "encoders.encoder",
    "encoders.golden",
    "encoders",
    "embedding",
    "similarity",
    "ranking",
    "adaptation",
    "feedback",
    "gallery.store",
    "gallery.database",
    "gallery.vector_file",
    "gallery.schema",
    "gallery.tables",
    "gallery.session",
    "gallery.replacement",
    "gallery.index",
    "gallery.local_store",
    "gallery.calibration",
    "gallery.update",
    "gallery.reencode",
    "gallery.gallery",
    "gallery",
    "evaluation",
    "thumbnails",
    "report",
    "web",
    "__init__",
    "cli",
)
"""The rooms, each of which may use what stands above it; a package's name stands for the rest of its modules."""


def name_of(path: Path) -> str:
    """A module's name inside the package: "gallery.store"; "__init__" for the package itself."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def floor(module: str) -> int:
    """The place of a module's room in the list."""
    fitting = [room for room in ROOMS if module == room or module.startswith(f"{room}.")]
    assert fitting, f"{module} has no place in the list of rooms: give it one, here and in the design"
    return ROOMS.index(max(fitting, key=len))


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
    """A module imports only from rooms above its own, or from its own."""
    here = floor(name_of(path))
    for name in imports(path):
        assert floor(name) <= here, f"{name_of(path)} imports {name}, which stands below it"


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
