"""Plug-ins: what other installed packages add to Lookalike by entry points; docs/plugins.md has an example of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Literal

from lookalike.errors import PluginError

Kind = Literal["encoders", "corruptions"]
_KINDS: Final[tuple[Kind, ...]] = ("encoders", "corruptions")


@dataclass(frozen=True, slots=True)
class Plugin:
    """Something that an installed ``package`` (its name and version) adds under a ``name``."""

    name: str
    package: str
    version: str
    entry: EntryPoint

    def load(self) -> Any:
        """Import it; raises :class:`~lookalike.errors.PluginError` if that fails, whatever the reason."""
        try:
            return self.entry.load()
        except Exception as error:
            raise self.error(f"can't be loaded ({type(error).__name__}: {error})") from error

    def error(self, problem: str) -> PluginError:
        """The error for a plug-in that has this problem."""
        return PluginError(
            f"{self.name}, a plug-in of the package {self.package} {self.version}: {problem}. Update the package, or "
            f"uninstall it: pip uninstall {self.package}"
        )


@cache
def plugins(kind: Kind) -> dict[str, Plugin]:
    """The plug-ins of a kind by name, none of them imported; of several with one name, the first by package."""
    found = [
        Plugin(entry.name, entry.dist.name, entry.dist.version, entry)
        for entry in entry_points(group=f"lookalike.{kind}")
        if entry.dist is not None
    ]
    return {plugin.name: plugin for plugin in sorted(found, key=lambda plugin: plugin.package, reverse=True)}


def plugin_versions() -> dict[str, str]:
    """The versions of all packages that have plug-ins, by the names of the packages."""
    found = {plugin.package: plugin.version for kind in _KINDS for plugin in plugins(kind).values()}
    return dict(sorted(found.items()))
