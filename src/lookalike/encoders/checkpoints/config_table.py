"""Other libraries' config files, read so that every value is known to be of the kind that it should be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lookalike.errors import WeightsError

# No encoder takes pictures, or has heads, of more; a config that says so would only fill the memory.
_LARGEST: Final = 10_000
_LONGEST_SHOWN: Final = 60


class Table:
    """A JSON object in the config file ``path``; empty where there is no such file, or no such object in it.

    Values are None where the key is absent. Every method raises :class:`~lookalike.errors.WeightsError`, naming file
    and key, where there is a value of another kind.
    """

    def __init__(self, path: Path, values: Mapping[str, Any] | None = None) -> None:
        self.path = path
        self.values = dict(values or {})

    @classmethod
    def read(cls, path: Path) -> Table:
        """The object that the file ``path`` holds."""
        try:
            content = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError, RecursionError) as error:
            raise WeightsError(f"{path}: can't be read as JSON ({error}); get it anew from its source") from error
        if not isinstance(content, dict):
            raise WeightsError(f"{path}: not a config, which would be a JSON object; get it anew from its source")
        return cls(path, content)

    def __bool__(self) -> bool:
        return bool(self.values)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def without_nulls(self) -> Table:
        """The same without the keys whose value is null, for configs in which that means the default."""
        return Table(self.path, {key: value for key, value in self.values.items() if value is not None})

    def wrong(self, key: str, what: str) -> WeightsError:
        """The error that the value of ``key`` is not ``what``."""
        return WeightsError(
            f"{self.path}: {key} is {self._shown(key)}, not {what}; mend it, or save the checkpoint again with its own "
            "library"
        )

    def _shown(self, key: str) -> str:
        value = repr(self.values.get(key))
        return value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}..."

    def only(self, key: str, *known: object) -> None:
        """Refuse any value of ``key`` but those that are ``known``."""
        if key in self.values and self.values[key] not in known:
            raise WeightsError(f"{self.path}: asks for {key} {self._shown(key)}, which is not known here")

    def table(self, key: str) -> Table:
        """The object under ``key``."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, "a JSON object")
        return Table(self.path, value)

    def word(self, key: str) -> str | None:
        """The string under ``key``."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, str):
            raise self.wrong(key, "a word")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """The truth under ``key``."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def count(self, key: str) -> int | None:
        """The whole number under ``key``, from 1 to 10,000."""
        if key not in self.values:
            return None
        value = self.values[key]
        if type(value) is not int or not 1 <= value <= _LARGEST:
            raise self.wrong(key, f"a whole number from 1 to {_LARGEST:,}")
        return value

    def number(self, key: str) -> float | None:
        """The number under ``key``, above 0 and up to 10,000."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not _is_number(value) or not 0 < value <= _LARGEST:
            raise self.wrong(key, f"a number above 0 and up to {_LARGEST:,}")
        return float(value)

    def three(self, key: str, *, positive: bool = False) -> tuple[float, float, float] | None:
        """The three numbers under ``key``, one for each of red, green and blue; all above 0 if ``positive``."""
        if key not in self.values:
            return None
        match self.values[key]:
            case [red, green, blue] if all(
                _is_number(value) and abs(value) <= _LARGEST and (value > 0 or not positive)
                for value in (red, green, blue)
            ):
                return float(red), float(green), float(blue)
        raise self.wrong(key, f"three numbers{' above 0' if positive else ''}, of red, green and blue")

    def side(self, key: str) -> int | None:
        """The side of a square in pixels: one number under ``key``, or one for each direction, which are equal."""
        match self.values.get(key):
            case [height, width]:
                if height != width:
                    raise WeightsError(f"{self.path}: {key} is {height} x {width}; only square ones are known here")
                return Table(self.path, {key: height}).count(key)
            case _:
                return self.count(key)


def library_config(folder: Path, convention: str) -> Table:
    """The config in ``folder`` that the library of ``convention`` wrote; empty where it wrote none.

    A folder may hold those of several: ``open_clip_config.json``; ``config.json`` of transformers, told by
    ``model_type``, or of timm, told by ``architecture``.
    """
    if convention == "open_clip":
        config = Table.read(folder / "open_clip_config.json")
        if config and "model_cfg" not in config:
            raise WeightsError(f"{config.path}: has no model_cfg, so it isn't open_clip's; get it anew from its source")
        return config
    config = Table.read(folder / "config.json")
    mark = "model_type" if convention == "transformers" else "architecture"
    return config if mark in config else Table(config.path)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
