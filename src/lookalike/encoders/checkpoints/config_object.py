"""Config files of other libraries, read with a type check of every value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lookalike.errors import WeightsError
from lookalike.system_files import parse_json, read_bytes

# No encoder has larger images or more heads; a config with larger numbers would only exhaust the memory.
_MAX_NUMBER: Final = 10_000
_MAX_CHARACTERS: Final = 60


class ConfigObject:
    """A JSON object in the config file ``path``; empty if the file or the object doesn't exist.

    Methods return None if the key is absent, and raise :class:`~lookalike.errors.WeightsError`, naming the file and the
    key, if the value has another type.
    """

    def __init__(self, path: Path, values: Mapping[str, Any] | None = None) -> None:
        self.path = path
        self.values = dict(values or {})

    @classmethod
    def read(cls, path: Path) -> ConfigObject:
        """Read the file ``path``."""
        try:
            content = parse_json(read_bytes(path))
        except FileNotFoundError:
            return cls(path)
        except OSError as error:
            raise WeightsError(f"{path}: can't be read ({error.strerror})") from error
        except ValueError as error:
            raise WeightsError(f"{path}: not valid JSON ({error}); download it again") from error
        if not isinstance(content, dict):
            raise WeightsError(f"{path}: not a JSON object; download it again")
        return cls(path, content)

    def __bool__(self) -> bool:
        return bool(self.values)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def without_nulls(self) -> ConfigObject:
        """Without the keys whose value is null, for configs in which null means the default."""
        return ConfigObject(self.path, {key: value for key, value in self.values.items() if value is not None})

    def value_error(self, key: str, expected: str) -> WeightsError:
        """An error that says that ``key`` has a wrong value, and what is ``expected``."""
        return WeightsError(
            f"{self.path}: {key} is {self._quote(key)}, not {expected}; correct it, or save the checkpoint again with "
            "its own library"
        )

    def _quote(self, key: str) -> str:
        value = repr(self.values.get(key))
        return value if len(value) <= _MAX_CHARACTERS else f"{value[:_MAX_CHARACTERS]}..."

    def require(self, key: str, *supported: object) -> None:
        """Raise an error if ``key`` has a value that isn't ``supported``."""
        if key in self.values and self.values[key] not in supported:
            raise WeightsError(f"{self.path}: {key} {self._quote(key)} is not supported")

    def section(self, key: str) -> ConfigObject:
        """The JSON object of ``key``."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.value_error(key, "a JSON object")
        return ConfigObject(self.path, value)

    def string(self, key: str) -> str | None:
        """The string of ``key``."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, str):
            raise self.value_error(key, "a string")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """The boolean of ``key``."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.value_error(key, "true or false")
        return value

    def count(self, key: str) -> int | None:
        """The integer of ``key``, from 1 to 10,000."""
        if key not in self.values:
            return None
        value = self.values[key]
        if type(value) is not int or not 1 <= value <= _MAX_NUMBER:
            raise self.value_error(key, f"an integer from 1 to {_MAX_NUMBER:,}")
        return value

    def number(self, key: str) -> float | None:
        """The number of ``key``, above 0 and up to 10,000."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not _is_number(value) or not 0 < value <= _MAX_NUMBER:
            raise self.value_error(key, f"a number above 0 and up to {_MAX_NUMBER:,}")
        return float(value)

    def rgb(self, key: str, *, positive: bool = False) -> tuple[float, float, float] | None:
        """The three numbers of ``key``, for red, green and blue; all above 0 if ``positive``."""
        if key not in self.values:
            return None
        match self.values[key]:
            case [red, green, blue] if all(
                _is_number(value) and abs(value) <= _MAX_NUMBER and (value > 0 or not positive)
                for value in (red, green, blue)
            ):
                return float(red), float(green), float(blue)
        raise self.value_error(key, f"three numbers{' above 0' if positive else ''} for red, green and blue")

    def square_side(self, key: str) -> int | None:
        """The side of a square in pixels: one number, or two equal numbers for height and width."""
        match self.values.get(key):
            case [height, width]:
                if height != width:
                    raise WeightsError(f"{self.path}: {key} is {height} x {width}; only squares are supported")
                return ConfigObject(self.path, {key: height}).count(key)
            case _:
                return self.count(key)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
